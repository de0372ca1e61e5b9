//! What the caller hears of a refusal: the standard's code and no more. The one place where an
//! [`Error`] becomes a status and a challenge.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write as _;

use crate::{error::Error, policy::Challenge};

/// A refusal, in the two forms it has: an answer for the caller and an error for the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct Rejection {
    error: Error,
    status: u16,
    challenge: Option<String>,
}

/// The error codes of RFC 6750 §3.1.
#[derive(Clone, Copy)]
enum Code {
    InvalidRequest,
    InvalidToken,
    InsufficientScope,
}

/// How a refusal is answered.
struct Answer {
    status: u16,
    challenge: Challenged,
}

/// What the `WWW-Authenticate` field of an answer says.
enum Challenged {
    /// There is none: another token would not help.
    No,
    /// A token is asked for, without a code.
    Bare,
    With(Code),
}

impl Rejection {
    pub(crate) fn new(error: Error, challenge: &Challenge) -> Self {
        let Answer { status, challenge: challenged } = answer(&error, challenge);
        let challenge = match challenged {
            Challenged::No => None,
            Challenged::Bare => Some(challenge_text(None, &error, challenge)),
            Challenged::With(code) => Some(challenge_text(Some(code), &error, challenge)),
        };
        Self { error, status, challenge }
    }

    /// Why, for the operator.
    #[must_use]
    pub fn error(&self) -> &Error {
        &self.error
    }

    /// The HTTP status to answer with: 400, 401, 403 or 503.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The value of the `WWW-Authenticate` field to answer with: printable ASCII on one line.
    #[must_use]
    pub fn challenge(&self) -> Option<&str> {
        self.challenge.as_deref()
    }

    /// The whole reason, one line for a log. It never holds the token.
    #[must_use]
    pub fn reason(&self) -> String {
        self.error.to_string()
    }
}

fn answer(error: &Error, challenge: &Challenge) -> Answer {
    let with = |status, code| Answer { status, challenge: Challenged::With(code) };
    match error {
        // No credentials: the bare challenge, without a code (RFC 6750 §3.1).
        Error::TokenMissing => Answer { status: 401, challenge: Challenged::Bare },
        Error::CredentialsRepeated { .. } | Error::CredentialsMalformed => with(400, Code::InvalidRequest),
        Error::TokenTooLong { .. }
        | Error::TokenNotCompact { .. }
        | Error::TokenEncrypted
        | Error::PartEmpty(_)
        | Error::HeaderTooLong { .. }
        | Error::PartNotBase64Url(_)
        | Error::PartNotUtf8(_)
        | Error::PartNotJson(..)
        | Error::PartNotObject(_)
        | Error::HeaderMalformed { .. }
        | Error::AlgorithmMissing
        | Error::AlgorithmUnknown { .. }
        | Error::AlgorithmForbidden { .. }
        | Error::ExtensionsCritical
        | Error::PayloadUnencoded
        | Error::TypeForbidden { .. }
        | Error::IssuerUnknown { .. }
        | Error::KeyUnknown { .. }
        | Error::KeyAmbiguous { .. }
        | Error::SignatureWrong
        | Error::ClaimMissing { .. }
        | Error::ClaimMalformed { .. }
        | Error::ScopesDisagree
        | Error::Expired { .. }
        | Error::NotYetValid { .. }
        | Error::IssuedInFuture { .. }
        | Error::LifetimeTooLong { .. }
        | Error::StatusUriRefused { .. }
        | Error::StatusUnknown { .. }
        | Error::TokenRevoked { .. }
        | Error::AudienceWrong { .. }
        | Error::SenderConstrained
        | Error::IssuerClaimRefused { .. } => with(401, Code::InvalidToken),
        Error::ScopeInsufficient { .. } => with(403, Code::InsufficientScope),
        // None of these is cured by another token of the same caller.
        Error::RouteUnknown | Error::IssuerNotAllowed { .. } | Error::ClaimRefused { .. } => {
            Answer { status: 403, challenge: Challenged::No }
        }
        Error::TargetRefused(_) => Answer { status: 400, challenge: Challenged::No },
        // Nobody can pass now, with whatever token; the caller is not at fault and may try again.
        Error::KeysUnavailable { .. } | Error::StatusUnavailable { .. }
            if challenge.blames_token_for_missing_keys =>
        {
            with(401, Code::InvalidToken)
        }
        Error::KeysUnavailable { .. } | Error::StatusUnavailable { .. } => {
            Answer { status: 503, challenge: Challenged::No }
        }
    }
}

/// The challenge of RFC 6750 §3 and RFC 9728 §5.1.
fn challenge_text(code: Option<Code>, error: &Error, challenge: &Challenge) -> String {
    let scope;
    let mut parameters: Vec<(&str, &str)> = Vec::new();
    if let Some(realm) = &challenge.realm {
        parameters.push(("realm", realm));
    }
    if let Some(code) = code {
        parameters.push(("error", code.name()));
    }
    if let Error::ScopeInsufficient { required, .. } = error {
        scope = required.join(" ");
        parameters.push(("scope", &scope));
    }
    if let Some(url) = &challenge.resource_metadata {
        parameters.push(("resource_metadata", url));
    }
    let mut text = String::from("Bearer");
    for (n, (name, value)) in parameters.into_iter().enumerate() {
        text.push_str(if n == 0 { " " } else { ", " });
        let _ = write!(text, "{name}=\"");
        // A quoted-string (RFC 9110 §5.6.4). The policy let only printable ASCII in.
        for c in value.chars() {
            if matches!(c, '"' | '\\') {
                text.push('\\');
            }
            text.push(c);
        }
        text.push('"');
    }
    text
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::InvalidToken => "invalid_token",
            Code::InsufficientScope => "insufficient_scope",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn v34_says_what_the_standard_says_and_no_more() {
        let none = Challenge::default();
        let full = Challenge {
            realm: Some(r#"a "b" \c"#.into()),
            resource_metadata: Some("https://orders.example/.well-known/oauth-protected-resource".into()),
            ..Challenge::default()
        };
        let missing = Error::TokenMissing;
        let scope = Error::ScopeInsufficient {
            required: vec!["orders:read".into(), "orders:write".into()],
            missing: vec!["orders:write".into()],
        };
        for (error, challenge, status, expected) in [
            (missing.clone(), &none, 401, Some("Bearer")),
            (
                missing,
                &full,
                401,
                Some(
                    r#"Bearer realm="a \"b\" \\c", resource_metadata="https://orders.example/.well-known/oauth-protected-resource""#,
                ),
            ),
            (Error::SignatureWrong, &none, 401, Some(r#"Bearer error="invalid_token""#)),
            (Error::CredentialsMalformed, &none, 400, Some(r#"Bearer error="invalid_request""#)),
            (
                scope,
                &none,
                403,
                Some(r#"Bearer error="insufficient_scope", scope="orders:read orders:write""#),
            ),
            (Error::RouteUnknown, &full, 403, None),
            (Error::KeysUnavailable { issuer: "i".into() }, &full, 503, None),
        ] {
            let rejection = Rejection::new(error, challenge);
            assert_eq!((rejection.status(), rejection.challenge()), (status, expected));
        }
    }
}
