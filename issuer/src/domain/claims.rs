//! What a token says.

use super::actors::ActorChain;
use super::custom::CustomClaims;
use super::id::ClientId;
use super::status::StatusClaim;
use super::time::UnixTime;
use super::token_id::TokenId;

/// The claims of an access token (RFC 9068 §2.2), in the order they are written.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Claims {
    /// This issuer.
    pub iss: String,
    /// On whose behalf the token is used: the client's own, unless it was exchanged.
    pub sub: ClientId,
    /// Whom the token is for.
    pub aud: ClientId,
    /// The client again, as RFC 9068 wants it.
    pub client_id: ClientId,
    /// When it was issued.
    pub iat: UnixTime,
    /// From when on it is no longer good.
    pub exp: UnixTime,
    /// Its name.
    pub jti: TokenId,
    /// Space-separated scopes, absent if none was granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// Who acts for the subject, absent if that is the client itself (RFC 8693 §4.1).
    #[serde(skip_serializing_if = "ActorChain::is_empty")]
    pub act: ActorChain,
    /// Where its status is, if its audience asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<StatusClaim>,
    /// What the grant adds.
    #[serde(flatten)]
    pub custom: CustomClaims,
}
