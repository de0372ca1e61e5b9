//! From a `jwt_authn` filter to the configuration of our plug-in.

use clap::ValueEnum;
use serde_json::{Map, Value, json};

use super::document::below;
use super::find::{self, Found};
use super::message::{Message, Placed, snake_case};
use super::note::{Kind, Note, Notes};
use super::policies::{Policy, Rule, policy};
use super::requirement::{Access, Providers};
use super::rule;

/// What the file does not say.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Options {
    /// For providers that name no audience.
    pub(in crate::cli) audiences: Vec<String>,
    /// Whether tokens are read from the query where a provider does not say where they are.
    pub(in crate::cli) keep_query_tokens: bool,
    /// What the tokens are.
    pub(in crate::cli) profile: Profile,
}

/// What an issuer's tokens are, as `profile` of a policy has it.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(in crate::cli) enum Profile {
    /// Plain JWTs, of type JWT or none
    #[value(name = "jwt")]
    Jwt,
    /// Access tokens as RFC 9068 has them
    #[value(name = "at+jwt")]
    AccessToken,
}

impl Profile {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::AccessToken => "at+jwt",
        }
    }

    /// What a token has to have.
    pub(super) const fn demands(self) -> &'static str {
        match self {
            Self::Jwt => {
                "a token has to be of type `JWT` or none, with `iss`, `sub` and `aud`, and without `crit`; for access \
                 tokens of type `at+jwt` add `--profile at+jwt`"
            }
            Self::AccessToken => {
                "a token has to be of type `at+jwt`, with `iss`, `sub`, `aud`, `client_id`, `iat` and `jti`, and without `crit`"
            }
        }
    }
}

/// What came of a filter.
#[derive(Debug)]
pub(in crate::cli) struct Converted {
    /// Where the filter is in the file.
    pub(in crate::cli) place: String,
    /// The plug-in's configuration; none if the filter cannot be converted without weakening it.
    pub(in crate::cli) configuration: Option<Value>,
    pub(in crate::cli) notes: Vec<Note>,
}

const KNOWN: &[&str] = &[
    "providers",
    "rules",
    "filter_state_rules",
    "bypass_cors_preflight",
    "requirement_map",
    "strip_failure_response",
    "stat_prefix",
];

/// The attributes that stand in for the token's payload in dynamic metadata.
const ATTRIBUTES: [&str; 7] = ["subject", "client_id", "scopes", "issuer", "expiry", "decision", "reason"];
/// Where `jwt_authn` writes metadata, by the canonical name of the filter.
const METADATA: &str = "envoy.filters.http.jwt_authn";

/// Converts every `jwt_authn` filter of a file.
pub(in crate::cli) fn all(root: &Value, options: &Options) -> Vec<Converted> {
    find::typed(root, find::JWT_AUTHN).iter().map(|found| convert(root, found, options)).collect()
}

fn convert(root: &Value, found: &Found<'_>, options: &Options) -> Converted {
    let notes = Notes::default();
    let configuration = configuration(root, found, options, &notes);
    let notes = notes.into_sorted();
    let is_refused = notes.iter().any(|note| note.kind == Kind::Refused);
    Converted {
        place: found.message.place.clone(),
        configuration: configuration.filter(|_| !is_refused),
        notes,
    }
}

fn configuration(root: &Value, found: &Found<'_>, options: &Options, notes: &Notes) -> Option<Value> {
    let filter = Message::read(found.message.value, &found.message.place, KNOWN, notes);
    if found.holder.value.get("disabled") == Some(&Value::Bool(true)) {
        let text = "the filter is off unless a route turns it on: write `disabled: true` beside ours, too";
        notes.add(Kind::ByHand, below(&found.holder.place, "disabled"), text);
    }
    let providers = Providers::new(filter.map("providers"), options, notes);
    let named = filter.map("requirement_map");
    let cors_preflight = filter.flag("bypass_cors_preflight");
    if filter.has("filter_state_rules") {
        let text = "requests are told apart by method, host and path, and by the metadata of their route; not by what \
                    another filter left behind";
        notes.refuse(filter.place_of("filter_state_rules"), text);
    }
    let mut rules = Vec::new();
    for written in filter.list("rules") {
        rules.extend(read_rule(&written, &providers, &named, notes));
    }
    let chosen = per_route(root, &found.name, notes);
    let mut policies = Vec::new();
    for (name, place) in chosen {
        let Some(requirement) = named.get(&name) else {
            notes.refuse(place, "the filter's `requirement_map` has no such name");
            continue;
        };
        let access = providers.access(requirement);
        let rule =
            access.map(|access| Rule { place: requirement.place.clone(), requests: Map::new(), access });
        let place = &requirement.place;
        policies.extend(
            rule.and_then(|rule| Some((name, policy(&[rule], &providers, cors_preflight, place, notes)?))),
        );
    }
    let base = if rules.is_empty() && !policies.is_empty() {
        policies.first().map(|(_, policy)| nobody(policy, &filter, notes))
    } else {
        close(&mut rules, &filter, policies.is_empty(), notes);
        policy(&rules, &providers, cors_preflight, &filter.place, notes)
    };
    providers.note_unused();
    left_out(root, &filter, notes);
    let base = base?;
    let clusters = clusters(policies.iter().map(|(_, policy)| policy).chain([&base]), &filter, notes);
    let mut configuration = Map::from_iter([("policy".to_owned(), base.document.into())]);
    if !policies.is_empty() {
        let policies: Map<_, _> =
            policies.into_iter().map(|(name, policy)| (name, policy.document.into())).collect();
        configuration.insert("policies".to_owned(), policies.into());
    }
    configuration.insert("clusters".to_owned(), clusters.into());
    if writes_metadata(&filter) {
        configuration.insert("attributes".to_owned(), json!(ATTRIBUTES));
    }
    Some(configuration.into())
}

fn read_rule<'v>(
    written: &Placed<'v>,
    providers: &Providers<'v>,
    named: &std::collections::BTreeMap<String, Placed<'v>>,
    notes: &'v Notes,
) -> Option<Rule> {
    let rule =
        Message::read(written.value, &written.place, &["match", "requires", "requirement_name"], notes);
    let Some(matched) = rule.get("match") else {
        notes.refuse(rule.place, "`match` is expected here");
        return None;
    };
    let access = match (rule.get("requires"), rule.text("requirement_name")) {
        (None, None) => Some(Access::Public),
        (Some(requirement), None) => providers.access(&requirement),
        (None, Some(name)) => {
            let requirement = named.get(name);
            if requirement.is_none() {
                notes.refuse(rule.place_of("requirement_name"), "`requirement_map` has no such name");
            }
            providers.access(requirement?)
        }
        (Some(_), Some(_)) => {
            notes.refuse(rule.place.clone(), "there is more than one requirement here");
            None
        }
    };
    Some(Rule { place: rule.place.clone(), requests: rule::requests(&matched, notes)?, access: access? })
}

/// Ends the rules by what holds for all other requests: in `jwt_authn`, nothing.
fn close(rules: &mut Vec<Rule>, filter: &Message<'_>, open: bool, notes: &Notes) {
    if rules.last().is_some_and(|last| last.requests.is_empty()) {
        return;
    }
    let place = filter.place_of("rules");
    if !open {
        let text = "requests that no rule is for are refused until their route chooses a policy; add a `public` route \
                    for those that need no token";
        notes.stricter(place, text);
        return;
    }
    let text = "requests that no rule is for pass without a token; take the last route out of the policy to refuse them";
    notes.add(Kind::Open, place.clone(), text);
    rules.push(Rule { place, requests: Map::new(), access: Access::Public });
}

/// A policy by which nobody passes, for requests whose route chooses none.
fn nobody(of: &Policy, filter: &Message<'_>, notes: &Notes) -> Policy {
    let text = "there are no rules: what a request needs is chosen by its route; until it is, nobody passes";
    notes.add(Kind::ByHand, filter.place.clone(), text);
    let mut policy = of.clone();
    // Every token has an `iss`.
    let routes = json!([{ "claims": [{ "claim": "iss", "exists": false }] }]);
    policy.document.insert("routes".to_owned(), routes);
    policy
}

/// The requirements that routes of the file choose by name, each once, and what has to be done in these routes.
fn per_route(root: &Value, filter: &str, notes: &Notes) -> Vec<(String, String)> {
    let mut chosen: Vec<(String, String)> = Vec::new();
    let off = "turn our filter off here, too: `typed_per_filter_config`, under its name, with \
               `@type: type.googleapis.com/envoy.config.route.v3.FilterConfig` and `disabled: true`";
    for Found { message, name, .. } in find::typed(root, find::FILTER_CONFIG) {
        if name == filter && message.value.get("disabled") == Some(&Value::Bool(true)) {
            notes.add(Kind::ByHand, message.place, off);
        }
    }
    for Found { message, name, holder } in find::typed(root, find::JWT_AUTHN_PER_ROUTE) {
        if name != filter {
            continue;
        }
        let config = Message::read(message.value, &message.place, &["disabled", "requirement_name"], notes);
        if config.flag("disabled") {
            notes.add(Kind::ByHand, config.place, off);
            continue;
        }
        let Some(name) = config.text("requirement_name") else { continue };
        let text = if holder.value.get("match").is_some() {
            format!(
                "write `metadata: {{ filter_metadata: {{ tessera: {{ policy: {name} }} }} }}` to this route"
            )
        } else {
            format!(
                "write `metadata: {{ filter_metadata: {{ tessera: {{ policy: {name} }} }} }}` to every route below this"
            )
        };
        notes.add(Kind::ByHand, config.place.clone(), text);
        if !chosen.iter().any(|(known, _)| known == name) {
            chosen.push((name.to_owned(), config.place_of("requirement_name")));
        }
    }
    chosen
}

fn clusters<'p>(
    policies: impl Iterator<Item = &'p Policy>,
    filter: &Message<'_>,
    notes: &Notes,
) -> Map<String, Value> {
    let mut clusters: Map<String, Value> = Map::new();
    for (origin, cluster) in policies.flat_map(|policy| &policy.clusters) {
        let known = clusters.entry(origin.clone()).or_insert_with(|| cluster.clone().into());
        if known != cluster.as_str() {
            let text =
                format!("keys of {origin} come through two clusters; here one cluster reaches an origin");
            notes.refuse(filter.place_of("providers"), text);
        }
    }
    clusters
}

fn left_out(root: &Value, filter: &Message<'_>, notes: &Notes) {
    for (name, text) in [
        (
            "strip_failure_response",
            "refusals never have a body, and their challenge says no more than the standard has words for",
        ),
        ("stat_prefix", "the counters are `wasmcustom.tessera.allowed`, `wasmcustom.tessera.denied` …"),
    ] {
        if filter.has(name) {
            notes.dropped(filter.place_of(name), text);
        }
    }
    find::objects(root, &mut |object, place| {
        if object.get("filter").and_then(Value::as_str) != Some(METADATA) {
            return;
        }
        // A rule that denies would no longer find what it denies by.
        let text = "this reads what `jwt_authn` leaves in the metadata, which is not there any more: let it read the \
                    filter state `wasm.tessera.subject`, `wasm.tessera.scopes` … or write it into the policy's \
                    `claims`, and convert then";
        notes.refuse(place, text);
    });
}

fn writes_metadata(filter: &Message<'_>) -> bool {
    filter
        .map("providers")
        .values()
        .filter_map(|provider| provider.value.as_object())
        .any(|provider| provider.keys().any(|name| snake_case(name) == "payload_in_metadata"))
}
