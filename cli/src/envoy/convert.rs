//! From a `jwt_authn` filter to the configuration of our plug-in.

use serde_json::{Map, Value, json};

use super::chosen;
use super::document::below;
use super::find::{self, Found};
use super::message::{Message, Placed};
use super::metadata;
use super::note::{Kind, Note, Notes};
use super::options::Options;
use super::policies::{Policy, Rule, policy};
use super::requirement::{Access, Providers};
use super::rule;

/// What came of a filter.
#[derive(Debug)]
pub(crate) struct Converted {
    /// Where the filter is in the file.
    pub(crate) place: String,
    /// The plug-in's configuration; none if the filter cannot be converted without weakening it.
    pub(crate) configuration: Option<Value>,
    pub(crate) notes: Vec<Note>,
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
/// Converts every `jwt_authn` filter of a file.
pub(crate) fn all(root: &Value, options: &Options) -> Vec<Converted> {
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
    let mut rules: Vec<Rule> = Vec::new();
    for written in filter.list("rules") {
        rules.extend(surely(read_rule(&written, &providers, &named, notes), &written.place, notes));
    }
    let mut policies = Vec::new();
    for (name, requirement) in chosen::requirements(root, &found.name, &named, notes) {
        let access = surely(providers.access(&requirement), &requirement.place, notes);
        match access {
            Some(Access::Public) => notes.add(Kind::ByHand, requirement.place, chosen::OPEN),
            Some(access) => {
                let place = requirement.place;
                let rule = Rule { place: place.clone(), requests: Map::new(), access };
                let policy =
                    surely(policy(&[rule], &providers, cors_preflight, &place, notes), &place, notes);
                policies.extend(policy.map(|policy| (name, policy)));
            }
            None => {}
        }
    }
    // What follows makes one whole of the parts, and has nothing true to say where one is missing.
    if notes.has_refused() {
        left_out(root, &filter, notes);
        return None;
    }
    let ask = rules.iter().any(|rule| rule.access != Access::Public);
    let mut rules_policy = None;
    if ask || policies.is_empty() {
        close(&mut rules, &filter, notes);
        rules_policy = Some(policy(&rules, &providers, cors_preflight, &filter.place, notes)?);
    }
    let base = chosen::base(rules_policy, &mut policies, &filter, notes);
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
    if metadata::writes_payload(&filter) {
        configuration.insert("attributes".to_owned(), json!(ATTRIBUTES));
    }
    Some(configuration.into())
}

/// Sees to it that nothing is missing in silence: what could not be converted has a note that says so.
fn surely<T>(converted: Option<T>, place: &str, notes: &Notes) -> Option<T> {
    if converted.is_none() && !notes.has_refused() {
        notes.refuse(place, "this cannot be converted as it is written");
    }
    converted
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
fn close(rules: &mut Vec<Rule>, filter: &Message<'_>, notes: &Notes) {
    if rules.iter().any(|rule| rule.requests.is_empty()) {
        return;
    }
    let place = filter.place_of("rules");
    let text = "requests that no rule is for pass without a token; take the last route out of the policy to refuse them";
    notes.add(Kind::Open, place.clone(), text);
    rules.push(Rule { place, requests: Map::new(), access: Access::Public });
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
    metadata::check_readers(root, filter, notes);
}
