//! `PerRouteConfig`: requirements that routes choose by name.
//!
//! They become policies that routes choose by name, and somebody has to write these names into the routes. Until that
//! is done nobody passes: what a forgotten line would leave open, nobody would see.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::find::{self, Found};
use super::message::{Message, Placed};
use super::note::{Kind, Notes};
use super::policies::Policy;

/// What to do in a route that has the filter turned off.
const OFF: &str = "turn our filter off here, too: `typed_per_filter_config`, under its name, with \
                   `@type: type.googleapis.com/envoy.config.route.v3.FilterConfig` and `disabled: true`";

/// What to do in routes that choose a requirement which asks for nothing.
pub(super) const OPEN: &str = "this asks for nothing: turn our filter off in the route that chooses it";

/// The requirements that routes of the file choose by name, each once. What has to be done in these routes is among
/// the notes.
pub(super) fn requirements<'v>(
    root: &Value,
    filter: &str,
    named: &BTreeMap<String, Placed<'v>>,
    notes: &Notes,
) -> Vec<(String, Placed<'v>)> {
    let mut chosen: Vec<(String, Placed<'v>)> = Vec::new();
    for Found { message, name, .. } in find::typed(root, find::FILTER_CONFIG) {
        if name == filter && message.value.get("disabled") == Some(&Value::Bool(true)) {
            notes.add(Kind::ByHand, message.place, OFF);
        }
    }
    for Found { message, name, holder } in find::typed(root, find::JWT_AUTHN_PER_ROUTE) {
        if name != filter {
            continue;
        }
        let config = Message::read(message.value, &message.place, &["disabled", "requirement_name"], notes);
        if config.flag("disabled") {
            notes.add(Kind::ByHand, config.place, OFF);
            continue;
        }
        let Some(name) = config.text("requirement_name") else { continue };
        let Some(requirement) = named.get(name) else {
            let place = config.place_of("requirement_name");
            notes.refuse(place, "the filter's `requirement_map` has no such name");
            continue;
        };
        if requirement.value.as_object().is_some_and(Map::is_empty) {
            notes.add(Kind::ByHand, config.place, OPEN);
            continue;
        }
        let which = if holder.value.get("match").is_some() { "this route" } else { "every route below this" };
        notes.add(Kind::ByHand, config.place, choose(name, which));
        if !chosen.iter().any(|(known, _)| known == name) {
            let requirement = Placed { place: requirement.place.clone(), value: requirement.value };
            chosen.push((name.to_owned(), requirement));
        }
    }
    chosen
}

/// The policy of requests whose route chooses none. Where no route chooses, that is the policy of the rules; where
/// some do, the rules have a name of their own among the others.
pub(super) fn base(
    rules: Option<Policy>,
    policies: &mut Vec<(String, Policy)>,
    filter: &Message<'_>,
    notes: &Notes,
) -> Option<Policy> {
    let Some((_, of)) = policies.first() else { return rules };
    let nobody = nobody(of);
    let place = filter.place_of("rules");
    if let Some(rules) = rules {
        let mut name = "rules".to_owned();
        while policies.iter().any(|(known, _)| *known == name) {
            name.push('-');
        }
        notes.add(
            Kind::ByHand,
            place,
            choose(&name, "every route that chose no requirement; until then nobody passes"),
        );
        policies.push((name, rules));
    } else {
        let text = "turn our filter off in every route that chose no requirement; until then nobody passes";
        notes.add(Kind::ByHand, place, text);
    }
    Some(nobody)
}

fn choose(policy: &str, which: &str) -> String {
    format!("write `metadata: {{ filter_metadata: {{ tessera: {{ policy: {policy} }} }} }}` to {which}")
}

/// A policy by which nobody passes.
fn nobody(of: &Policy) -> Policy {
    let mut policy = of.clone();
    // Every token has an `iss`.
    let routes = json!([{ "claims": [{ "claim": "iss", "exists": false }] }]);
    policy.document.insert("routes".to_owned(), routes);
    policy
}
