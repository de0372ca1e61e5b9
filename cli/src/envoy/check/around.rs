//! What is around our plug-in in an Envoy configuration.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::super::document::{Document, below};
use super::super::find::{self, Found};
use super::super::message::{Placed, snake_case};
use super::{Checked, problem};

/// Our plug-in as a filter.
pub(super) struct Ours<'v> {
    /// `PluginConfig`.
    pub(super) config: Placed<'v>,
    /// What it is given: the value of a `StringValue`.
    pub(super) configuration: Option<Placed<'v>>,
    holder: &'v Placed<'v>,
}

/// The rest of the file.
pub(super) struct Around<'v> {
    root: &'v Value,
    /// The clusters of the file, by name.
    clusters: BTreeMap<&'v str, &'v Value>,
    /// Whether the file says all there is: it is a bootstrap, and its clusters come from nowhere else.
    is_whole: bool,
}

/// A member by its name in snake case, also where it is written otherwise.
pub(super) fn member<'v>(value: &'v Value, name: &str) -> Option<(&'v str, &'v Value)> {
    let mut members = value.as_object()?.iter();
    members.find(|(written, _)| snake_case(written) == name).map(|(written, value)| (written.as_str(), value))
}

pub(super) fn get<'v>(value: &'v Value, names: &[&str]) -> Option<&'v Value> {
    names.iter().try_fold(value, |value, name| member(value, name).map(|(_, value)| value))
}

pub(super) fn step<'v>(from: &Placed<'v>, name: &str) -> Option<Placed<'v>> {
    let (written, value) = member(from.value, name)?;
    Some(Placed { place: below(&from.place, written), value })
}

impl<'v> Ours<'v> {
    /// The plug-in of a filter, if it is ours: by its name, by its file, or by a configuration with a policy.
    pub(super) fn read(found: &'v Found<'v>) -> Option<Self> {
        let config = step(&found.message, "config")?;
        let code = get(config.value, &["vm_config", "code"]).map(Value::to_string).unwrap_or_default();
        let configuration = step(&config, "configuration").filter(|configuration| {
            let of = configuration.value.get("@type").and_then(Value::as_str).unwrap_or_default();
            of.ends_with("google.protobuf.StringValue")
        });
        let configuration = configuration.and_then(|configuration| step(&configuration, "value"));
        let text = configuration.as_ref().and_then(|text| text.value.as_str()).unwrap_or_default();
        let has_policy = serde_json::from_str(text).is_ok_and(|value: Value| value.get("policy").is_some());
        let is_named = found.name.contains("tessera") || code.contains("tessera-envoy");
        (has_policy || is_named).then_some(Self { config, configuration, holder: &found.holder })
    }

    /// What holds when the plug-in is out of order.
    pub(super) fn check_failures(&self, document: &Document, checked: &mut Checked) {
        let open = "while the plug-in is out of order, this lets every request through, unverified";
        let mut refuse = |place: &str, message: &str, suggestion: &str| {
            checked.problems.push(problem(document, place, message, Some(suggestion.to_owned())));
        };
        if let Some(flag) = step(&self.config, "fail_open").filter(|flag| *flag.value == Value::Bool(true)) {
            refuse(&flag.place, open, "leave it out");
        }
        if let Some(optional) =
            step(self.holder, "is_optional").filter(|flag| *flag.value == Value::Bool(true))
        {
            let message =
                "an Envoy that knows no Wasm would leave the filter out, and let every request through";
            refuse(&optional.place, message, "leave it out");
        }
        match step(&self.config, "failure_policy") {
            // The number is the enumeration's.
            Some(policy) if *policy.value == "FAIL_OPEN" || *policy.value == 3 => {
                refuse(&policy.place, open, "write `FAIL_RELOAD`");
            }
            Some(policy) if *policy.value != "UNSPECIFIED" => {}
            _ => {
                let message =
                    "after a fault of the plug-in every request is answered 503 until Envoy starts again";
                let suggestion =
                    "with `failure_policy: FAIL_RELOAD` a fresh one takes over within about a second";
                let warning = problem(document, &self.config.place, message, Some(suggestion.to_owned()));
                checked.warnings.push(warning);
            }
        }
        if let Some(off) = step(self.holder, "disabled").filter(|flag| *flag.value == Value::Bool(true)) {
            let message = "the filter is off, but for routes that turn it on";
            checked.warnings.push(problem(document, &off.place, message, None));
        }
    }
}

impl<'v> Around<'v> {
    pub(super) fn of(root: &'v Value) -> Self {
        let list = get(root, &["static_resources", "clusters"]).and_then(Value::as_array);
        let clusters = list.into_iter().flatten();
        Self {
            root,
            clusters: clusters
                .filter_map(|cluster| Some((cluster.get("name")?.as_str()?, cluster)))
                .collect(),
            is_whole: get(root, &["static_resources"]).is_some()
                && get(root, &["dynamic_resources", "cds_config"]).is_none(),
        }
    }

    /// Whether the clusters exist that keys come from, and make sure that they come from where they should.
    pub(super) fn check_clusters(
        &self,
        document: &Document,
        place: &str,
        clusters: &BTreeMap<String, String>,
        checked: &mut Checked,
    ) {
        for (origin, name) in clusters {
            let Some(cluster) = self.clusters.get(name.as_str()) else {
                if self.is_whole {
                    let known: Vec<&str> = self.clusters.keys().copied().collect();
                    let message =
                        format!("/clusters: there is no cluster `{name}`, which is to reach {origin}");
                    let suggestion = format!("there are {}", known.join(", "));
                    checked.problems.push(problem(document, place, message, Some(suggestion)));
                }
                continue;
            };
            let message = match tls(cluster) {
                _ if !origin.starts_with("https://") => continue,
                Tls::Checked => continue,
                Tls::None => format!("cluster `{name}` has no TLS, and is to reach {origin}"),
                Tls::Unchecked => format!(
                    "cluster `{name}` takes any certificate for that of {origin}: its TLS context has no `trusted_ca`"
                ),
            };
            checked.warnings.push(problem(document, place, message, None));
        }
    }

    /// Where the filter is turned off.
    pub(super) fn check_routes(&self, document: &Document, filter: &str, checked: &mut Checked) {
        for Found { message, name, .. } in find::typed(self.root, find::FILTER_CONFIG) {
            if name == filter && message.value.get("disabled") == Some(&Value::Bool(true)) {
                let text = "the filter is off here";
                checked.warnings.push(problem(document, &message.place, text, None));
            }
        }
    }

    /// Whether the policies exist that routes choose by name.
    pub(super) fn check_names(&self, document: &Document, names: &BTreeSet<String>, checked: &mut Checked) {
        find::objects(self.root, &mut |object: &Map<String, Value>, place| {
            let Some(Value::String(name)) = object.get("tessera").and_then(|tessera| tessera.get("policy"))
            else {
                return;
            };
            if !place.ends_with("/filter_metadata") && !place.ends_with("/filterMetadata") {
                return;
            }
            if !names.contains(name) {
                let place = below(&below(place, "tessera"), "policy");
                let message =
                    format!("no plug-in here has a policy `{name}`; requests of this route are answered 503");
                checked.problems.push(problem(document, &place, message, None));
            }
        });
    }
}

enum Tls {
    None,
    /// Whoever answers is believed.
    Unchecked,
    Checked,
}

fn tls(cluster: &Value) -> Tls {
    if member(cluster, "transport_socket_matches").is_some() {
        return Tls::Checked;
    }
    let Some(context) = get(cluster, &["transport_socket", "typed_config"]) else { return Tls::None };
    let context = get(context, &["common_tls_context"]);
    let own = context.and_then(|context| get(context, &["validation_context"]));
    let is_checked = own
        .is_some_and(|own| member(own, "trusted_ca").is_some() || member(own, "system_root_certs").is_some());
    let elsewhere = ["combined_validation_context", "validation_context_sds_secret_config"];
    let is_elsewhere =
        context.is_some_and(|context| elsewhere.iter().any(|name| member(context, name).is_some()));
    if is_checked || is_elsewhere { Tls::Checked } else { Tls::Unchecked }
}
