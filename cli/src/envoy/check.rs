//! What is wrong with our plug-in's configuration, by itself or in an Envoy configuration.

mod around;
mod rerouted;
mod shared;

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tessera_verifier::{Backend, Problem, Timestamp, Verifier};

use self::around::Around;
use super::document::{Document, below};
use super::find;
use super::keys::origin;
use super::message::Placed;

/// What there is to say about a file.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    pub(crate) problems: Vec<Problem>,
    /// What is allowed, and may not be meant.
    pub(crate) warnings: Vec<Problem>,
}

/// The configuration as it is written. What each member means, the plug-in says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plugin<'c> {
    #[serde(borrow)]
    policy: &'c RawValue,
    #[serde(borrow, default)]
    policies: BTreeMap<String, &'c RawValue>,
    #[serde(default)]
    clusters: BTreeMap<String, String>,
    #[serde(default, rename = "crypto")]
    _crypto: Option<Crypto>,
    #[serde(default, rename = "attributes")]
    _attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Crypto {
    Auto,
    Wasm,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Attribute {
    Subject,
    ClientId,
    Scopes,
    Issuer,
    Expiry,
    Decision,
    Reason,
}

/// Members that only an Envoy configuration has at its top.
const OF_ENVOY: [&str; 6] =
    ["static_resources", "staticResources", "dynamic_resources", "dynamicResources", "resources", "configs"];

/// Whether a document is an Envoy configuration or a plug-in's, and no policy.
pub(crate) fn concerns(root: &Value) -> bool {
    is_plugin(root)
        || OF_ENVOY.iter().any(|name| root.get(name).is_some())
        || !find::typed(root, find::WASM).is_empty()
}

fn is_plugin(root: &Value) -> bool {
    root.get("policy").is_some_and(Value::is_object) && root.get("issuers").is_none()
}

/// Checks all configurations of our plug-in in a file.
pub(crate) fn check(document: &Document) -> Checked {
    let mut checked = Checked::default();
    let root = document.root();
    if is_plugin(root) {
        let mut at = |place: &str, message: String, suggestion: Option<String>| {
            checked.problems.push(problem(document, place, message, suggestion));
        };
        read_plugin(document.text(), "", &mut at);
        return checked;
    }
    let around = Around::of(root);
    let mut names = BTreeSet::new();
    let mut is_there = false;
    for found in find::typed(root, find::WASM) {
        let Some(ours) = around::Ours::read(&found) else { continue };
        is_there = true;
        ours.check_failures(document, &mut checked);
        shared::check(document, &ours, &mut checked);
        let Some(Placed { place, value: Value::String(text) }) = &ours.configuration else {
            let message = "the configuration has to be a `google.protobuf.StringValue` that holds JSON";
            checked.problems.push(problem(document, &ours.config.place, message, None));
            continue;
        };
        let mut at = |within: &str, message: String, suggestion: Option<String>| {
            let message = if within.is_empty() { message } else { format!("{within}: {message}") };
            checked.problems.push(problem(document, place, message, suggestion));
        };
        if let Some(plugin) = read_plugin(text, "", &mut at) {
            names.extend(plugin.policies.keys().cloned());
            around.check_clusters(document, place, &plugin.clusters, &mut checked);
            rerouted::check(document, &found, &plugin, &mut checked);
        }
        around.check_routes(document, &found.name, &mut checked);
    }
    if !is_there {
        let message = "no filter here is our plug-in (…filters.http.wasm.v3.Wasm, with a policy)";
        checked.problems.push(problem(document, "", message, None));
    }
    around.check_names(document, &names, &mut checked);
    checked
}

/// Reads a plug-in's configuration, and says what is wrong in it, with the place in it.
fn read_plugin<'c>(
    text: &'c str,
    place: &str,
    say: &mut dyn FnMut(&str, String, Option<String>),
) -> Option<Plugin<'c>> {
    let plugin: Plugin<'_> = match serde_json::from_str(text) {
        Ok(plugin) => plugin,
        Err(error) => {
            say(place, format!("the plug-in's configuration is unusable: {error}"), None);
            return None;
        }
    };
    for (name, cluster) in &plugin.clusters {
        let place = below("/clusters", name);
        if !name.contains("://") || origin(name) != name {
            let suggestion = "write it as `https://issuer.example`".to_owned();
            say(&place, "this is no origin of URLs".to_owned(), Some(suggestion));
        } else if cluster.is_empty() {
            say(&place, "the name of a cluster is expected here".to_owned(), None);
        }
    }
    let named = plugin.policies.iter().map(|(name, policy)| (below("/policies", name), *policy));
    for (place, policy) in std::iter::once(("/policy".to_owned(), plugin.policy)).chain(named) {
        match Verifier::load(policy.get(), Backend::Portable) {
            Ok(mut verifier) => {
                let due = verifier.due_fetches(Timestamp::from_seconds(0));
                let lists = verifier.status_list_prefixes().map(str::to_owned);
                for url in due.into_iter().map(|fetch| fetch.url).chain(lists) {
                    let origin = origin(&url);
                    if !plugin.clusters.contains_key(origin) {
                        let message = format!("no cluster for {url}");
                        let suggestion = format!("add `\"{origin}\": \"NAME\"` to `clusters`");
                        say("/clusters", message, Some(suggestion));
                    }
                }
            }
            Err(error) => {
                for Problem { pointer, message, suggestion, .. } in error.into_problems() {
                    say(&format!("{place}{pointer}"), message, suggestion);
                }
            }
        }
    }
    Some(plugin)
}

/// A problem with its place in the file.
fn problem(
    document: &Document,
    place: &str,
    message: impl Into<String>,
    suggestion: Option<String>,
) -> Problem {
    let (line, column) = document.locate(place);
    Problem { pointer: place.to_owned(), line, column, message: message.into(), suggestion }
}

#[cfg(test)]
mod tests;
