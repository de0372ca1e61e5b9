//! A request to a verifier, and its answer held against the guide's.

use serde_json::{Value, json};
use tessera_verifier::{
    Attempt, Backend, Decision, FetchRequest, Permit, Request, Step, Timestamp, Verifier,
};

use crate::{
    NOW,
    guide::{Cell, Row},
    token::{Keys, LIST, Token, key_set, status_list},
};

/// Whether a row of the guide is true, and if not, what is so instead.
pub(crate) fn check(policy: &Value, row: &Row) -> Result<(), String> {
    let token = Token::described(&row.token);
    let (line, fields) = row.request.code.split_first().expect("a request has a method and a target");
    let (method, url) = line.split_once(' ').expect("a method and a target");
    let (host, target) = match url.strip_prefix("https://") {
        Some(rest) => rest.split_at(rest.find('/').unwrap()),
        None => ("orders.example", url),
    };
    let text = token.text.as_deref().unwrap_or_default();
    let filled = |text_with: &str| text_with.replace("TOKEN", text);
    let mut headers: Vec<(String, String)> = fields
        .iter()
        .map(|field| field.split_once(": ").unwrap())
        .map(|(name, value)| (name.into(), filled(value)))
        .collect();
    let is_placed = row.request.code.iter().any(|code| code.contains("TOKEN"));
    if token.text.is_some() && !is_placed {
        headers.push(("authorization".into(), format!("Bearer {text}")));
    }
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    let target = filled(target);
    let request = Request { method, host, target: &target, headers: &headers };
    compare(&decision(policy, &request, &token), &row.answer, &token)
}

fn decision(policy: &Value, request: &Request<'_>, token: &Token) -> Decision {
    let keys = token.keys;
    let mut verifier = Verifier::load(&policy.to_string(), Backend::Portable).unwrap();
    let now = Timestamp::from_seconds(NOW);
    if let Keys::Old(age) = keys {
        let then = Timestamp::from_seconds(NOW - age);
        for fetch in verifier.due_fetches(then) {
            verifier.supply(fetch.id, &document(policy, &fetch), "", then).unwrap();
        }
    }
    let mut attempt = Attempt::new();
    loop {
        match verifier.authorize(request, &mut attempt, now) {
            Step::Done(decision) => return decision,
            Step::Fetch(fetch) => match keys {
                Keys::AtHand if fetch.url == LIST && !token.has_lists => verifier.fail(fetch.id, now),
                Keys::AtHand => drop(verifier.supply(fetch.id, &document(policy, &fetch), "", now).unwrap()),
                Keys::OutOfReach | Keys::Old(_) => verifier.fail(fetch.id, now),
            },
            Step::Wait { .. } => panic!("nobody else fetches"),
        }
    }
}

/// What an issuer of the policy has at a URL.
fn document(policy: &Value, fetch: &FetchRequest) -> String {
    if fetch.url == LIST {
        return status_list();
    }
    for issuer in policy["issuers"].as_array().unwrap() {
        let name = issuer["issuer"].as_str().unwrap();
        let jwks_uri = format!("{name}/jwks");
        let discovery = match &issuer["discovery"] {
            Value::String(url) => url.clone(),
            _ => format!("{name}/.well-known/openid-configuration"),
        };
        if issuer["jwks_uri"] == *fetch.url || fetch.url == jwks_uri {
            return key_set(name).to_string();
        }
        if fetch.url == discovery {
            return json!({ "issuer": name, "jwks_uri": jwks_uri }).to_string();
        }
    }
    panic!("nobody has {}", fetch.url);
}

fn compare(decision: &Decision, answer: &Cell, token: &Token) -> Result<(), String> {
    match decision {
        Decision::Allow(permit) => {
            let refusal = permit.refusal().map(|refusal| format!("dry run: {}", refusal.error().name()));
            expect(&answer.words, "passes")?;
            let said = answer.code.iter().find(|code| code.starts_with("dry run: "));
            expect(said.map_or("no dry run", |said| said), refusal.as_deref().unwrap_or("no dry run"))?;
            answer
                .code
                .iter()
                .filter(|code| Some(*code) != said)
                .try_for_each(|code| upstream(permit, code, token))
        }
        Decision::Deny(rejection) => {
            expect(&answer.words, &rejection.status().to_string())?;
            let (error, challenge) = answer.code.split_first().expect("a refusal has a name");
            expect(error, rejection.error().name()).map_err(|it| format!("{it} ({})", rejection.reason()))?;
            match challenge.first() {
                Some(challenge) => expect(challenge, rejection.challenge().unwrap_or("no challenge")),
                None => Ok(()),
            }
        }
        Decision::Respond(response) => {
            expect(&answer.words, &response.status.to_string())?;
            let missing = answer.code.iter().find(|code| !response.body.contains(code.as_str()));
            missing.map_or(Ok(()), |code| Err(format!("{code} is not in {}", response.body)))
        }
    }
}

/// Holds what goes upstream against one thing that is said of it.
fn upstream(permit: &Permit, said: &str, token: &Token) -> Result<(), String> {
    let removes = |name: &str| permit.removed_fields().any(|own| own == name);
    if let Some(name) = said.strip_prefix("without ") {
        return if removes(name) { Ok(()) } else { Err(format!("`{name}` goes upstream")) };
    }
    if let Some(name) = said.strip_prefix("with ") {
        return if removes(name) { Err(format!("`{name}` does not go upstream")) } else { Ok(()) };
    }
    let (name, value) = said.split_once(": ").expect("a field");
    let value = if value == "PAYLOAD" { token.payload() } else { value };
    let own = match name {
        "target" => permit.target(),
        _ => permit.set().iter().find(|(own, _)| own == name).map(|(_, value)| &**value),
    };
    expect(value, own.unwrap_or_default()).map_err(|difference| format!("{name}: {difference}"))
}

fn expect(said: &str, own: &str) -> Result<(), String> {
    if said == own { Ok(()) } else { Err(format!("it says `{said}`, and is `{own}`")) }
}
