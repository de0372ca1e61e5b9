//! What is told to Envoy's other filters and its logs about a request: entries of its filter state.

use std::borrow::Cow;

use serde::Deserialize;
use tessera_verifier::VerifiedToken;

use crate::decided::Decided;

/// Something of a decision. Its name in the filter state is `wasm.tessera.` and the name here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Attribute {
    /// The `sub` of the token.
    Subject,
    /// Its `client_id`.
    ClientId,
    /// Its scopes, with spaces between them.
    Scopes,
    /// Its `iss`.
    Issuer,
    /// Its `exp`, in seconds since 1970.
    Expiry,
    /// [`Decided::name`].
    Decision,
    /// The error's name, where there is one.
    Reason,
}

impl Attribute {
    /// Those that are written where the configuration does not say: none that costs a request anything which passes.
    pub(crate) fn usual() -> Vec<Self> {
        vec![Self::Reason]
    }

    /// Its name in the filter state, without Envoy's prefix.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Subject => "tessera.subject",
            Self::ClientId => "tessera.client_id",
            Self::Scopes => "tessera.scopes",
            Self::Issuer => "tessera.issuer",
            Self::Expiry => "tessera.expiry",
            Self::Decision => "tessera.decision",
            Self::Reason => "tessera.reason",
        }
    }

    /// Its value, if it has one there.
    pub(crate) fn value(self, decided: &Decided) -> Option<Cow<'_, str>> {
        let token = decided.token();
        let value = match self {
            Self::Subject => token.map(VerifiedToken::subject)?.into(),
            Self::ClientId => token.and_then(VerifiedToken::client)?.into(),
            Self::Issuer => token.map(VerifiedToken::issuer)?.into(),
            Self::Scopes => token?.scopes().join(" ").into(),
            Self::Expiry => token?.expiry().as_seconds().to_string().into(),
            Self::Decision => decided.name().into(),
            Self::Reason => decided.reason()?.into(),
        };
        // What an issuer lets its users choose must not forge lines of a log.
        Some(value).filter(|value: &Cow<'_, str>| !value.contains(char::is_control))
    }
}
