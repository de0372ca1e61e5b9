//! What this server says of itself (RFC 8414 §2, OpenID Connect Discovery 1.0 §3). Every member is true.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tessera_verifier::Algorithm;

use super::path;
use super::request::{CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE};
use crate::domain::{self, KeyState, Method, Scope};
use crate::service::TokenService;
use crate::store::Snapshot;

/// Most scopes that are listed. Beyond that the list says little to people and its length costs every verifier that
/// polls the document; RFC 8414 §2 only recommends it, so it is then left out.
const MAX_SCOPES_LISTED: usize = 256;

/// The authorization server metadata (RFC 8414 §2).
pub(super) fn authorization_server(service: &TokenService, snapshot: &Snapshot) -> Value {
    let issuer = service.issuer();
    let methods = methods(service);
    // What assertions of clients may be signed with, which is what the verifier takes.
    let assertion_algorithms = Algorithm::ALL.map(Algorithm::name);
    let mut metadata = json!({
        "issuer": issuer.as_str(),
        "token_endpoint": issuer.below(path::TOKEN),
        "jwks_uri": issuer.below(path::JWKS),
        "grant_types_supported": [CLIENT_CREDENTIALS, JWT_BEARER, TOKEN_EXCHANGE],
        "token_endpoint_auth_methods_supported": methods,
        "token_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "revocation_endpoint": issuer.below(path::REVOCATION),
        "revocation_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        "introspection_endpoint": issuer.below(path::INTROSPECTION),
        "introspection_endpoint_auth_methods_supported": methods,
        "introspection_endpoint_auth_signing_alg_values_supported": assertion_algorithms,
        // RFC 9701 §7: what answers may be signed with.
        "introspection_signing_alg_values_supported": signing_algorithms(snapshot),
        // There is no authorization endpoint. RFC 8414 §2 requires the member, and §3.2 wants empty ones left out; a
        // reader that looks for it should find the truth.
        "response_types_supported": [],
    });
    if let Some(scopes) = scopes(snapshot) {
        insert(&mut metadata, "scopes_supported", json!(scopes));
    }
    if let Some(url) = service.mutual_tls().and_then(|tls| tls.url.as_deref()) {
        // RFC 8705 §5: where a client goes that brings a certificate.
        let below = |path: &str| format!("{}{path}", url.trim_end_matches('/'));
        let aliases = json!({
            "token_endpoint": below(path::TOKEN),
            "revocation_endpoint": below(path::REVOCATION),
            "introspection_endpoint": below(path::INTROSPECTION),
        });
        insert(&mut metadata, "mtls_endpoint_aliases", aliases);
    }
    metadata
}

/// The same for those who look where `OpenID` providers have it, as many libraries for verifiers do. They need `issuer`
/// and `jwks_uri`; this server is no `OpenID` provider, and of what OpenID Connect Discovery 1.0 §3 requires beyond
/// that it can say:
///
/// - `subject_types_supported`: `sub` is the same for every audience, which is called `public`.
/// - `id_token_signing_alg_values_supported`: none, since there are no ID tokens.
/// - `authorization_endpoint`: nothing. There is none, and an address that answers 404 would be a lie.
pub(super) fn openid_configuration(authorization_server: &Value) -> Value {
    let mut metadata = authorization_server.clone();
    insert(&mut metadata, "subject_types_supported", json!(["public"]));
    insert(&mut metadata, "id_token_signing_alg_values_supported", json!([]));
    metadata
}

fn methods(service: &TokenService) -> Vec<&'static str> {
    let mut methods =
        vec![Method::SecretBasic, Method::SecretPost, Method::PrivateKeyJwt, Method::SpiffeJwtSvid];
    if let Some(tls) = service.mutual_tls() {
        if tls.client_ca {
            methods.push(Method::Tls);
        }
        methods.push(Method::SelfSignedTls);
    }
    methods.into_iter().map(Method::as_str).collect()
}

/// What this server signs with.
fn signing_algorithms(snapshot: &Snapshot) -> BTreeSet<domain::Algorithm> {
    let keys = snapshot.keyring.keys().iter();
    keys.filter(|key| key.state == KeyState::Active).map(|key| key.algorithm).collect()
}

/// The scopes of all audiences, if they are few enough.
fn scopes(snapshot: &Snapshot) -> Option<BTreeSet<&str>> {
    let mut scopes = BTreeSet::new();
    for client in snapshot.directory.clients() {
        scopes.extend(client.audience.scopes.keys().map(Scope::as_str));
        if scopes.len() > MAX_SCOPES_LISTED {
            return None;
        }
    }
    Some(scopes)
}

fn insert(metadata: &mut Value, name: &str, value: Value) {
    if let Some(members) = metadata.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}
