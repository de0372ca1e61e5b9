//! Routes that are chosen by what the verifier changes.
//!
//! A plug-in that changes a field of a request makes Envoy choose the route again, by the changed request (it clears
//! the route cache). So a route that matches on such a field can be left for another one after the decision, and
//! where routes choose policies that is a route whose policy was never asked.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::super::document::{Document, below};
use super::super::find::{self, Found};
use super::super::message::{Placed, snake_case};
use super::around::{member, step};
use super::{Checked, Plugin, problem};

/// What of a request the verifier may change, by any of its policies.
#[derive(Debug, Default)]
struct Changed {
    /// Header fields, [folded].
    fields: BTreeSet<String>,
    /// Parameters of the query.
    parameters: BTreeSet<String>,
    cookies: BTreeSet<String>,
}

/// What there is of the connection manager that a filter is in.
struct Manager<'v> {
    /// What the places of its routes begin with.
    routes: String,
    /// Its other filters.
    others: Vec<Placed<'v>>,
}

/// What a route looks at.
#[derive(Clone, Copy)]
enum Input {
    Field,
    Parameter,
    Cookie,
    FilterState,
}

/// The lists of a `RouteMatch`, and what of their entries names the input.
const LISTS: [(&str, &str, Input); 4] = [
    ("headers", "name", Input::Field),
    ("query_parameters", "name", Input::Parameter),
    ("cookies", "name", Input::Cookie),
    ("filter_state", "key", Input::FilterState),
];

/// The inputs of a virtual host's `matcher`, by the ends of their types' names.
const INPUTS: [(&str, &str, Input); 2] = [
    (".HttpRequestHeaderMatchInput", "header_name", Input::Field),
    (".HttpRequestQueryParamMatchInput", "query_param", Input::Parameter),
];

/// The parts of a configuration that choose routes.
const CHOOSING: [&str; 3] = ["virtual_hosts", "routes", "scope_key_builder"];

/// What the verifier's entries of the filter state begin with.
const FILTER_STATE: &str = "wasm.tessera.";

/// The field that the verifier keeps for itself in every policy.
const DRY_RUN: &str = "tessera-dry-run";

/// HTTP filters that can change header fields, as their types' names have them.
const CHANGING: [&str; 13] = [
    "api_key_auth",
    "basic_auth",
    "composite",
    "dynamic_modules",
    "ext_authz",
    "ext_proc",
    "golang",
    "header_mutation",
    "header_to_metadata",
    "jwt_authn",
    "lua",
    "oauth2",
    "wasm",
];

/// Says which routes match on what the plug-in changes, and which other filters may change as much.
pub(super) fn check(document: &Document, filter: &Found<'_>, plugin: &Plugin<'_>, checked: &mut Checked) {
    let changed = Changed::by(plugin);
    let manager = Manager::of(document.root(), filter);
    let has_choice = !plugin.policies.is_empty();
    find::objects(document.root(), &mut |object, place| {
        if !place.starts_with(&manager.routes) || !chooses(place) {
            return;
        }
        for (Placed { place, value }, input) in inputs(object, place) {
            let Some(name) = value.as_str().filter(|name| changed.has(input, name)) else { continue };
            if has_choice {
                let message = format!(
                    "a route is matched by `{name}`, which the verifier may change: then Envoy chooses the route again, \
                     and another one can serve the request than the one whose policy decided"
                );
                let suggestion = "match by what no policy changes, or decide by `routes` of one policy instead of `policies`";
                checked.problems.push(problem(document, &place, message, Some(suggestion.to_owned())));
            } else {
                let message = format!(
                    "a route is matched by `{name}`, which the verifier may change: then Envoy chooses the route again, \
                     and the request can reach another cluster"
                );
                checked.warnings.push(problem(document, &place, message, None));
            }
        }
    });
    if has_choice {
        for other in manager.others.iter().filter(|other| can_change(other.value)) {
            let message = "this filter can change what routes are matched by, and so lead a request to another route \
                           than the one whose policy decides";
            let suggestion = "see to it that it changes nothing that a route is matched by";
            let warning = problem(document, &other.place, message, Some(suggestion.to_owned()));
            checked.warnings.push(warning);
        }
    }
}

impl Changed {
    fn by(plugin: &Plugin<'_>) -> Self {
        let mut changed = Self::default();
        for policy in plugin.policies.values().chain([&plugin.policy]) {
            // What is no JSON was told as a problem of the policy.
            changed.add(&serde_json::from_str(policy.get()).unwrap_or_default());
        }
        changed
    }

    fn add(&mut self, policy: &Value) {
        let list = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let upstream = policy.get("upstream").unwrap_or(&Value::Null);
        let claims = list(upstream.get("claims"));
        let own = claims.iter().filter_map(|claim| text(claim, "header")).chain(text(upstream, "payload"));
        self.fields.extend(own.chain([DRY_RUN.to_owned()]).map(|field| folded(&field)));
        if upstream.get("forward_token") == Some(&Value::Bool(true)) {
            return;
        }
        if policy.get("tokens").is_none() {
            self.fields.insert("authorization".to_owned());
        }
        for token in list(policy.get("tokens")) {
            self.fields.extend(text(&token, "header").map(|field| folded(&field)));
            if let Some(cookie) = text(&token, "cookie") {
                self.fields.insert("cookie".to_owned());
                self.cookies.insert(cookie);
            }
            if let Some(parameter) = text(&token, "query") {
                // The path as a field has the query, too.
                self.fields.insert(":path".to_owned());
                self.parameters.insert(parameter);
            }
        }
    }

    fn has(&self, input: Input, name: &str) -> bool {
        match input {
            Input::Field => self.fields.contains(&folded(name)),
            Input::Parameter => self.parameters.contains(name),
            Input::Cookie => self.cookies.contains(name),
            Input::FilterState => name.starts_with(FILTER_STATE),
        }
    }
}

impl<'v> Manager<'v> {
    fn of(root: &'v Value, filter: &Found<'_>) -> Self {
        let own = &filter.holder.place;
        let list = own.rsplit_once('/').map_or("", |(list, _)| list);
        let place = list
            .rsplit_once('/')
            .and_then(|(place, name)| (snake_case(name) == "http_filters").then_some(place));
        let filters = place.and_then(|_| root.pointer(list)?.as_array()).into_iter().flatten();
        let others = filters.enumerate().map(|(index, value)| {
            let place = below(list, &index.to_string());
            Placed { place, value }
        });
        // Routes that come from elsewhere may be anywhere.
        let with_routes = place.filter(|place| {
            root.pointer(place).is_some_and(|manager| member(manager, "route_config").is_some())
        });
        Self {
            routes: format!("{}/", with_routes.unwrap_or_default()),
            others: others.filter(|other| other.place != *own).collect(),
        }
    }
}

/// Whether what is at a place has a part in the choice of routes.
fn chooses(place: &str) -> bool {
    let mut steps = place.split('/').map(snake_case);
    let mut is_chosen_by = false;
    let is_of_a_filter = steps.any(|step| {
        is_chosen_by |= CHOOSING.contains(&step.as_str());
        step == "typed_per_filter_config"
    });
    is_chosen_by && !is_of_a_filter
}

/// The names of what an object looks at to choose a route.
fn inputs<'v>(object: &'v Map<String, Value>, place: &str) -> Vec<(Placed<'v>, Input)> {
    let mut found = Vec::new();
    let kind = object.get("@type").and_then(Value::as_str).unwrap_or_default();
    for (written, value) in object {
        let part = Placed { place: below(place, written), value };
        match snake_case(written).as_str() {
            "match" => {
                for (list, name, input) in LISTS {
                    let Some(list) = step(&part, list) else { continue };
                    for (index, value) in list.value.as_array().into_iter().flatten().enumerate() {
                        let entry = Placed { place: below(&list.place, &index.to_string()), value };
                        found.extend(step(&entry, name).map(|name| (name, input)));
                    }
                }
            }
            "header_value_extractor" => found.extend(step(&part, "name").map(|name| (name, Input::Field))),
            member => {
                let of = INPUTS.into_iter().find(|(of, name, _)| kind.ends_with(of) && *name == member);
                found.extend(of.map(|(_, _, input)| (part, input)));
            }
        }
    }
    found
}

/// Whether a filter is one that can change fields.
fn can_change(filter: &Value) -> bool {
    let Some((_, config)) = member(filter, "typed_config") else { return false };
    let kind = ["type_url", "@type"].into_iter().find_map(|name| member(config, name)?.1.as_str());
    let kind = kind.and_then(|kind| kind.split_once(".filters.http.")).map_or("", |(_, kind)| kind);
    kind.split('.').next().is_some_and(|name| CHANGING.contains(&name))
}

/// A field's name as all of its spellings have it: servers take `-` and `_` for the same.
fn folded(field: &str) -> String {
    field.to_ascii_lowercase().replace('_', "-")
}
