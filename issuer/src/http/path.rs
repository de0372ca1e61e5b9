//! The paths of the endpoints, below the issuer's own path.

use crate::domain::IssuerId;
use crate::service::Endpoints;

pub(super) const TOKEN: &str = "/v1/token";
pub(super) const INTROSPECTION: &str = "/v1/introspect";
pub(super) const REVOCATION: &str = "/v1/revoke";
pub(super) const JWKS: &str = "/.well-known/jwks.json";
pub(super) const OPENAPI: &str = "/openapi.json";
/// Where RFC 8414 §3 puts the metadata: before the issuer's own path.
pub(super) const OAUTH_METADATA: &str = "/.well-known/oauth-authorization-server";
/// Where OIDC Discovery §4 puts it, and many clients look for it.
pub(super) const OPENID_METADATA: &str = "/.well-known/openid-configuration";
/// Status lists; the name of one follows.
pub(super) const STATUS_LISTS: &str = "/v1/status/";

/// The URLs that tokens and assertions name.
#[must_use]
pub fn endpoints(issuer: &IssuerId) -> Endpoints {
    Endpoints { token: issuer.below(TOKEN), status_lists: issuer.below(STATUS_LISTS) }
}
