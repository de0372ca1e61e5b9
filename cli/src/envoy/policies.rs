//! Policies out of what a filter asks for.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use tessera_verifier::{Problem, Verifier};

use super::document::below;
use super::note::{Kind, Notes};
use super::provider::Provider;
use super::requirement::{Access, Need, Providers};

/// A rule: the requests that it is for, as the members of a route, and what they need.
pub(super) struct Rule {
    pub(super) place: String,
    pub(super) requests: Map<String, Value>,
    pub(super) access: Access,
}

/// A policy, and what its keys are reached by.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Policy {
    pub(super) document: Map<String, Value>,
    /// Origins of URLs, and the clusters that reach them.
    pub(super) clusters: Vec<(String, String)>,
}

/// Makes the policy of some rules, in their order; none where something was refused.
pub(super) fn policy(
    rules: &[Rule],
    providers: &Providers<'_>,
    cors_preflight: bool,
    place: &str,
    notes: &Notes,
) -> Option<Policy> {
    let mut names = BTreeSet::new();
    for rule in rules {
        if let Access::Token { need, .. } = &rule.access {
            names.extend(need.providers());
        }
    }
    let used: Vec<Provider> = names.into_iter().map(|name| providers.get(name)).collect::<Option<_>>()?;
    let Some(first) = used.first() else {
        notes.refuse(place, "nothing here asks for a token, so there is nothing to verify");
        return None;
    };
    is_one_policy(&used, notes).then_some(())?;
    let mut document = Map::new();
    let mut issuers: Vec<&Map<String, Value>> = Vec::new();
    let mut audiences: Vec<&str> = Vec::new();
    for provider in &used {
        if !issuers.contains(&&provider.entry) {
            issuers.push(&provider.entry);
        }
        for audience in &provider.audiences {
            if !audiences.contains(&audience.as_str()) {
                audiences.push(audience);
            }
        }
    }
    let single = issuers.len() == 1;
    document.insert("issuers".to_owned(), json!(issuers));
    document.insert("audiences".to_owned(), json!(audiences));
    if first.tokens != [json!({ "header": "authorization", "scheme": "Bearer" })] {
        document.insert("tokens".to_owned(), first.tokens.clone().into());
    }
    let routes: Vec<Value> = rules
        .iter()
        .map(|rule| route(rule, &|need| requirement(need, providers, &audiences, single)).into())
        .collect();
    if routes != [json!({})] {
        document.insert("routes".to_owned(), routes.into());
    }
    let mut upstream = first.upstream.clone();
    if used.iter().all(|provider| provider.forward) {
        upstream.insert("forward_token".to_owned(), true.into());
    }
    if !upstream.is_empty() {
        document.insert("upstream".to_owned(), upstream.into());
    }
    if cors_preflight {
        document.insert("cors_preflight".to_owned(), true.into());
    }
    let entries: u64 = used.iter().filter_map(|provider| provider.cache).sum();
    if entries > 0 {
        document.insert("token_cache".to_owned(), json!({ "entries": entries }));
    }
    let document = usable(document, rules, &used, place, notes)?;
    let clusters = used.into_iter().filter_map(|provider| provider.cluster).collect();
    Some(Policy { document, clusters })
}

/// Whether what is said once in a policy is the same in all of its providers.
fn is_one_policy(used: &[Provider], notes: &Notes) -> bool {
    let mut is_one = true;
    let mut refuse = |provider: &Provider, text: &str| {
        notes.refuse(provider.place.clone(), text);
        is_one = false;
    };
    let Some((first, others)) = used.split_first() else { return true };
    for other in others {
        if other.tokens != first.tokens {
            let text = "its tokens are read in other places than those of another provider; a policy has one list of \
                        places for all issuers, and taking tokens in more places than before would weaken it";
            refuse(other, text);
        }
        if other.upstream != first.upstream {
            let text = "it puts other claims into header fields than another provider; a policy does so for all issuers \
                        alike, and the service could take the claims of one issuer for those of another";
            refuse(other, text);
        }
        if other.forward != first.forward {
            let text = "its tokens go upstream and those of another provider do not: none does";
            notes.stricter(other.place.clone(), text);
        }
        if used.iter().any(|known| known.issuer == other.issuer && known.entry != other.entry) {
            refuse(
                other,
                "another provider has the same issuer, with other keys or rules: a policy knows an issuer once",
            );
        }
    }
    is_one
}

fn route(rule: &Rule, requirement: &dyn Fn(&Need) -> Map<String, Value>) -> Map<String, Value> {
    let mut route = rule.requests.clone();
    match &rule.access {
        Access::Public => drop(route.insert("public".to_owned(), true.into())),
        Access::Token { need, optional } => {
            route.extend(requirement(need));
            if *optional {
                route.insert("optional".to_owned(), true.into());
            }
        }
    }
    route
}

/// The members of a requirement. Where all of the policy's tokens are meant, there are none.
fn requirement(
    need: &Need,
    providers: &Providers<'_>,
    audiences: &[&str],
    single: bool,
) -> Map<String, Value> {
    let all = |needs: &[Need]| -> Vec<Value> {
        needs.iter().map(|need| requirement(need, providers, audiences, single).into()).collect()
    };
    let mut members = Map::new();
    match need {
        Need::Of { provider, audiences: own } => {
            if !single && let Some(provider) = providers.get(provider) {
                members.insert("issuers".to_owned(), json!([provider.issuer]));
            }
            if own != audiences {
                members.insert("audiences".to_owned(), json!(own));
            }
        }
        Need::All(needs) => drop(members.insert("all_of".to_owned(), all(needs).into())),
        Need::Any(needs) => {
            let mut ways = all(needs);
            ways.dedup();
            match merged(&ways) {
                Some(one) => members = one,
                None => drop(members.insert("any_of".to_owned(), ways.into())),
            }
        }
    }
    members
}

/// Alternatives that differ in their issuer only, as one requirement.
fn merged(ways: &[Value]) -> Option<Map<String, Value>> {
    let mut one = ways.first()?.as_object()?.clone();
    let mut issuers: Vec<Value> = Vec::new();
    for way in ways {
        let mut way = way.as_object()?.clone();
        for issuer in way.remove("issuers").as_ref().and_then(Value::as_array).into_iter().flatten() {
            if !issuers.contains(issuer) {
                issuers.push(issuer.clone());
            }
        }
        let same = one.iter().filter(|(name, _)| *name != "issuers").eq(way.iter());
        if !same || way.contains_key("any_of") || way.contains_key("all_of") {
            return None;
        }
    }
    if !issuers.is_empty() {
        one.insert("issuers".to_owned(), issuers.into());
    }
    Some(one)
}

/// The policy as the verifier takes it: without keys that it does not use, and without routes that no request gets to.
fn usable(
    document: Map<String, Value>,
    rules: &[Rule],
    used: &[Provider],
    place: &str,
    notes: &Notes,
) -> Option<Map<String, Value>> {
    let mut document = Value::Object(document);
    loop {
        let problems = match Verifier::check_policy(&document.to_string()) {
            Ok(()) => return document.as_object().cloned(),
            Err(error) => error.into_problems(),
        };
        let mended =
            problems.iter().rev().filter_map(|problem| mend(&mut document, problem)).collect::<Vec<_>>();
        if mended.is_empty() || mended.len() < problems.len() {
            for Problem { pointer: within, message, suggestion, .. } in problems {
                let hint = suggestion.map(|hint| format!(" ({hint})")).unwrap_or_default();
                notes.refuse(place, format!("the policy would not be taken: {within}: {message}{hint}"));
            }
            return None;
        }
        for Mended { what, index, message } in mended {
            match what {
                What::Key => {
                    let place = used.get(index).map_or(place, |provider| provider.place.as_str());
                    notes.stricter(below(place, "local_jwks"), format!("a key is left out: {message}"));
                }
                What::Route => {
                    let place = rules.get(index).map_or(place, |rule| rule.place.as_str());
                    notes.add(Kind::Dropped, place, "no request gets here: rules before it take all of them");
                }
            }
        }
    }
}

struct Mended {
    what: What,
    index: usize,
    message: String,
}

enum What {
    Key,
    Route,
}

/// Takes out of a policy what a problem is about, if that makes the policy no weaker.
fn mend(document: &mut Value, problem: &Problem) -> Option<Mended> {
    let steps: Vec<&str> = problem.pointer.split('/').skip(1).collect();
    let message = problem.message.clone();
    match steps.as_slice() {
        ["issuers", issuer, "jwks", "keys", key] if message.starts_with("the key cannot be used") => {
            let (index, key) = (issuer.parse().ok()?, key.parse::<usize>().ok()?);
            let keys = document.pointer_mut(&format!("/issuers/{issuer}/jwks/keys"))?.as_array_mut()?;
            (key < keys.len() && keys.len() > 1).then(|| drop(keys.remove(key)))?;
            Some(Mended { what: What::Key, index, message })
        }
        ["routes", route] if message.starts_with("no request gets here") => {
            let index = route.parse::<usize>().ok()?;
            let routes = document.get_mut("routes")?.as_array_mut()?;
            (index < routes.len()).then(|| drop(routes.remove(index)))?;
            Some(Mended { what: What::Route, index, message })
        }
        _ => None,
    }
}
