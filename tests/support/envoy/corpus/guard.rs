//! The filter before the service: ours, or Envoy's own with as much of the policy as it can be told.

use std::{collections::BTreeMap, path::Path};

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{
    case::Case,
    config::{ATTRIBUTES, issuers_of, with},
    servers::origins,
};
use crate::envoy::bootstrap::{self, typed};

/// The filter before the service.
#[derive(Debug, Clone, Copy)]
pub(super) enum Guard<'g> {
    /// Ours, from this file.
    Tessera(&'g Path),
    /// `envoy.filters.http.jwt_authn`.
    JwtAuthn(Strictness),
}

/// How `jwt_authn` is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Strictness {
    /// With what is asked for, and its own defaults beyond that.
    Usual,
    /// With every switch that makes it refuse more.
    Strictest,
}

/// A policy as far as `jwt_authn` can be told it. What else a policy can say it has no words for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Policy {
    issuers: Vec<Issuer>,
    audiences: Vec<String>,
    #[serde(default)]
    tokens: Vec<Place>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Issuer {
    #[serde(rename = "issuer")]
    name: String,
    jwks_uri: Option<String>,
    jwks: Option<Value>,
    #[serde(default = "default_skew")]
    clock_skew: u64,
    #[serde(default = "default_lifetime")]
    max_lifetime: u64,
}

/// Where a token is.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    header: Option<String>,
    scheme: Option<String>,
    prefix: Option<String>,
    cookie: Option<String>,
    query: Option<String>,
}

/// In seconds, as docs/policy.md has it.
fn default_skew() -> u64 {
    30
}

/// In seconds, as docs/policy.md has it.
fn default_lifetime() -> u64 {
    86_400
}

impl Guard<'_> {
    /// The filter for a case.
    pub(super) fn filter(self, index: usize, case: &Case) -> Value {
        match self {
            Self::Tessera(artefact) => tessera(artefact, index, case),
            Self::JwtAuthn(strictness) => jwt_authn(strictness, index, &case.policy),
        }
    }

    /// Whether it can be told the case's policy.
    pub(super) fn can_be_told(self, case: &Case) -> bool {
        matches!(self, Self::Tessera(_)) || serde_json::from_str::<Policy>(&case.policy).is_ok()
    }
}

fn tessera(artefact: &Path, index: usize, case: &Case) -> Value {
    let clusters: BTreeMap<String, String> =
        origins(&case.policy).into_iter().map(|origin| (origin, issuers_of(index))).collect();
    // The policy stands in it as it is spelled.
    let plugin = format!(
        r#"{{"policy":{},"clusters":{},"attributes":{}}}"#,
        case.policy,
        json!(clusters),
        json!(ATTRIBUTES)
    );
    let filter = bootstrap::wasm_filter(bootstrap::FILTER, artefact, &plugin);
    // One virtual machine for all, with a root context for each.
    with(filter, "/typed_config/config", json!({ "root_id": case.id }))
}

fn jwt_authn(strictness: Strictness, index: usize, policy: &str) -> Value {
    let policy: Option<Policy> = serde_json::from_str(policy).ok();
    let mut providers = Map::new();
    for issuer in policy.iter().flat_map(|policy| &policy.issuers) {
        let provider = with(
            json!({
                "issuer": issuer.name,
                "audiences": policy.as_ref().map(|policy| &policy.audiences),
                "clock_skew_seconds": issuer.clock_skew,
            }),
            "",
            issuer.keys(index),
        );
        let places = policy.as_ref().map(|policy| places(&policy.tokens)).unwrap_or_default();
        let mut provider = with(provider, "", places);
        if strictness == Strictness::Strictest {
            let lifetime = format!("{}s", issuer.max_lifetime);
            provider = with(provider, "", json!({ "require_expiration": true, "max_lifetime": lifetime }));
            if policy.as_ref().is_some_and(|policy| policy.tokens.is_empty()) {
                let bearer = json!({ "name": "authorization", "value_prefix": "Bearer " });
                provider = with(provider, "", json!({ "from_headers": [bearer] }));
            }
        }
        providers.insert(issuer.name.clone(), provider);
    }
    let required: Vec<Value> = providers.keys().map(|name| json!({ "provider_name": name })).collect();
    let requirement = match required.as_slice() {
        [one] => one.clone(),
        several => json!({ "requires_any": { "requirements": several } }),
    };
    let filter = json!({
        "providers": providers,
        "rules": [{ "match": { "prefix": "/" }, "requires": requirement }],
    });
    let name = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    json!({ "name": "jwt_authn", "typed_config": typed(name, filter) })
}

impl Issuer {
    fn keys(&self, case: usize) -> Value {
        match (&self.jwks, &self.jwks_uri) {
            (Some(jwks), _) => json!({ "local_jwks": { "inline_string": jwks.to_string() } }),
            (None, uri) => {
                let uri = json!({ "uri": uri, "cluster": issuers_of(case), "timeout": "5s" });
                json!({ "remote_jwks": { "http_uri": uri } })
            }
        }
    }
}

/// The places of tokens; its own, where none are said.
fn places(tokens: &[Place]) -> Value {
    let (mut headers, mut cookies, mut params) = (Vec::new(), Vec::new(), Vec::new());
    for Place { header, scheme, prefix, cookie, query } in tokens {
        if let Some(header) = header {
            let before = match (scheme, prefix) {
                (Some(scheme), _) => format!("{scheme} "),
                (None, prefix) => prefix.clone().unwrap_or_default(),
            };
            headers.push(json!({ "name": header, "value_prefix": before }));
        }
        cookies.extend(cookie.clone());
        params.extend(query.clone());
    }
    json!({ "from_headers": headers, "from_cookies": cookies, "from_params": params })
}
