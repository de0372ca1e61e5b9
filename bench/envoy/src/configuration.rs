//! The configuration of an Envoy for each variant. All of them ask the same of a request, as far as they can.

use serde_json::{Value, json};
use tessera_tests::envoy::bootstrap::{bootstrap, filter, listener, route_answered, typed, wasm_filter};

use crate::{
    material::{AUDIENCE, ISSUER, Material},
    row::{Cache, Crypto, Kind, Variant},
    subject::Programs,
};

/// The name of the listener.
pub(crate) const LISTENER: &str = "main";

/// The path of the requests: the last rule is about it.
pub(crate) const PATH: &str = "/orders/4711";

/// The name of [`ISSUER`] in the configuration of the built-in filter.
const PROVIDER: &str = "issuer";

pub(crate) fn of(programs: &Programs, kind: Kind, variant: Variant, material: &Material) -> Value {
    let filters = match variant {
        Variant::Plain => Vec::new(),
        Variant::Noop => vec![wasm_filter("noop", &programs.noop, "")],
        Variant::JwtAuthn(cache) => vec![jwt_authn(kind, cache, &material.jwks)],
        Variant::Tessera(crypto, cache) => {
            let plugin = plugin(crypto, &policy(kind, cache, &material.jwks));
            vec![filter(&programs.filter, &plugin)]
        }
    };
    bootstrap(&[listener(LISTENER, &filters, &[route_answered()])], &[])
}

fn jwt_authn(kind: Kind, cache: Cache, jwks: &Value) -> Value {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": { "inline_string": jwks.to_string() },
    });
    if let (Cache::On, Some(members)) = (cache, provider.as_object_mut()) {
        members.insert("jwt_cache_config".to_owned(), json!({}));
    }
    let rule =
        |prefix: String| json!({ "match": { "prefix": prefix }, "requires": { "provider_name": PROVIDER } });
    let rules: Vec<Value> = prefixes(kind).map(rule).collect();
    let message = json!({ "providers": { PROVIDER: provider }, "rules": rules });
    let name = "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication";
    json!({ "name": "jwt_authn", "typed_config": typed(name, message) })
}

fn plugin(crypto: Crypto, policy: &Value) -> Value {
    let crypto = match crypto {
        Crypto::Auto => "auto",
        Crypto::Wasm => "wasm",
    };
    json!({ "policy": policy, "crypto": crypto })
}

fn policy(kind: Kind, cache: Cache, jwks: &Value) -> Value {
    let routes: Vec<Value> = prefixes(kind).map(|prefix| json!({ "path": { "prefix": prefix } })).collect();
    let mut policy = json!({
        "issuers": [{ "issuer": ISSUER, "jwks": jwks }],
        "audiences": [AUDIENCE],
        "routes": routes,
    });
    if let (Cache::Off, Some(members)) = (cache, policy.as_object_mut()) {
        members.insert("token_cache".to_owned(), json!({ "entries": 0, "bytes": 0 }));
    }
    policy
}

/// What the rules are for: the request meets the last.
fn prefixes(kind: Kind) -> impl Iterator<Item = String> {
    (1..kind.rules).map(|number| format!("/service-{number}")).chain(["/orders".to_owned()])
}
