//! The steps of a decision, in the order in which the verifier takes them, and what a token shows at each.
//!
//! The verdict is the verifier's. Its error says at which step it stopped; so all before that were passed, and what
//! is shown of them is read off the token without judging it again.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use tessera_verifier::{Error, Part};

use crate::output;
use tessera_issuer::domain::UnixTime;

/// A step of a decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Target,
    Credentials,
    Format,
    Header,
    Payload,
    Issuer,
    Algorithm,
    Key,
    Signature,
    Claims,
    Times,
    Binding,
    Conditions,
    Status,
    Audience,
    Route,
    Requirement,
}

impl Step {
    pub(super) const ALL: [Self; 17] = [
        Self::Target,
        Self::Credentials,
        Self::Format,
        Self::Header,
        Self::Payload,
        Self::Issuer,
        Self::Algorithm,
        Self::Key,
        Self::Signature,
        Self::Claims,
        Self::Times,
        Self::Binding,
        Self::Conditions,
        Self::Status,
        Self::Audience,
        Self::Route,
        Self::Requirement,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Target => "target",
            Self::Credentials => "credentials",
            Self::Format => "format",
            Self::Header => "header",
            Self::Payload => "payload",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Claims => "claims",
            Self::Times => "times",
            Self::Binding => "binding",
            Self::Conditions => "conditions",
            Self::Status => "status",
            Self::Audience => "audience",
            Self::Route => "route",
            Self::Requirement => "requirement",
        }
    }

    /// Where the verifier stopped.
    pub(super) fn of(error: &Error) -> Self {
        match error {
            Error::TargetRefused(_) => Self::Target,
            Error::TokenMissing | Error::CredentialsRepeated { .. } | Error::CredentialsMalformed => {
                Self::Credentials
            }
            Error::TokenTooLong { .. }
            | Error::TokenNotCompact { .. }
            | Error::TokenEncrypted
            | Error::PartEmpty(_) => Self::Format,
            Error::HeaderTooLong { .. }
            | Error::HeaderMalformed { .. }
            | Error::AlgorithmMissing
            | Error::AlgorithmUnknown { .. }
            | Error::ExtensionsCritical
            | Error::PayloadUnencoded => Self::Header,
            Error::PartNotBase64Url(part)
            | Error::PartNotUtf8(part)
            | Error::PartNotJson(part, _)
            | Error::PartNotObject(part) => match part {
                Part::Header => Self::Header,
                Part::Payload => Self::Payload,
                Part::Signature => Self::Signature,
            },
            Error::ClaimMissing { claim: "iss" }
            | Error::ClaimMalformed { claim: "iss" }
            | Error::IssuerUnknown { .. } => Self::Issuer,
            Error::AlgorithmForbidden { .. } | Error::TypeForbidden { .. } => Self::Algorithm,
            Error::KeysUnavailable { .. } | Error::KeyUnknown { .. } | Error::KeyAmbiguous { .. } => {
                Self::Key
            }
            Error::SignatureWrong => Self::Signature,
            Error::ClaimMissing { .. }
            | Error::ClaimMalformed { .. }
            | Error::StatusUriRefused { .. }
            | Error::ScopesDisagree => Self::Claims,
            Error::Expired { .. }
            | Error::NotYetValid { .. }
            | Error::IssuedInFuture { .. }
            | Error::LifetimeTooLong { .. } => Self::Times,
            Error::SenderConstrained => Self::Binding,
            Error::IssuerClaimRefused { .. } => Self::Conditions,
            Error::StatusUnknown { .. } | Error::TokenRevoked { .. } | Error::StatusUnavailable { .. } => {
                Self::Status
            }
            Error::AudienceWrong { .. } => Self::Audience,
            Error::RouteUnknown => Self::Route,
            Error::IssuerNotAllowed { .. } | Error::ScopeInsufficient { .. } | Error::ClaimRefused { .. } => {
                Self::Requirement
            }
        }
    }
}

/// What stands on a token, believed or not. Nothing of its signature is kept.
pub(super) struct Writing {
    bytes: usize,
    header: Value,
    claims: Value,
}

impl Writing {
    /// What can be read of a token; of one that is none, nothing.
    pub(super) fn on(token: &str) -> Self {
        let mut parts = token.split('.');
        let mut object = || {
            let bytes = parts.next().and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
            bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
        };
        Self { bytes: token.len(), header: object(), claims: object() }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss").and_then(Value::as_str)
    }

    /// What the token shows at a step that it passed.
    pub(super) fn at(&self, step: Step, now: u64) -> String {
        let (header, claims) = (&self.header, &self.claims);
        let alg = || plain(header, "alg");
        match step {
            Step::Format => format!("3 parts, {} bytes", self.bytes),
            Step::Header => members(header, &["alg", "typ", "kid"]),
            Step::Payload => match claims.as_object().map_or(0, serde_json::Map::len) {
                1 => "1 claim".to_owned(),
                count => format!("{count} claims"),
            },
            Step::Issuer => plain(claims, "iss"),
            Step::Algorithm => format!("{} and {} will do", alg(), type_of(header)),
            Step::Key => match header.get("kid") {
                Some(kid) => format!("{} is one of the issuer's", shown(kid)),
                None => format!("the issuer has one for {}", alg()),
            },
            Step::Signature => match header.get("kid") {
                Some(kid) => format!("{} by {}", alg(), shown(kid)),
                None => alg(),
            },
            Step::Claims => members(claims, &["sub", "client_id", "jti"]),
            Step::Times => self.times(now),
            Step::Binding => "to no key: whoever has the token may use it".to_owned(),
            Step::Conditions => "the policy's for tokens of this issuer hold".to_owned(),
            Step::Status => match claims.pointer("/status/status_list") {
                Some(list) => {
                    format!("number {} of {}: nothing against it", plain(list, "idx"), plain(list, "uri"))
                }
                None => "the token names no list".to_owned(),
            },
            Step::Audience => plain(claims, "aud"),
            Step::Requirement => ["scope", "scp"]
                .iter()
                .find_map(|name| claims.get(*name).map(|value| format!("met, with {name} {}", shown(value))))
                .unwrap_or_else(|| "met".to_owned()),
            Step::Target | Step::Credentials | Step::Route => String::new(),
        }
    }

    fn times(&self, now: u64) -> String {
        let at =
            |name: &str| self.claims.get(name).and_then(Value::as_f64).filter(|it| (0.0..9e15).contains(it));
        let mut parts = Vec::new();
        for (name, past, future) in
            [("iat", "issued", "issued"), ("nbf", "valid", "valid"), ("exp", "expired", "expires")]
        {
            if let Some(seconds) = at(name) {
                parts.push(relative(whole(seconds), now, past, future));
            }
        }
        parts.join(", ")
    }
}

/// A point in time as seen from another: `expires in 4 min 58 s (2026-01-31 23:59:59Z)`.
pub(super) fn relative(at: u64, now: u64, past: &str, future: &str) -> String {
    let time = output::time(UnixTime::from_seconds(at));
    match at.checked_sub(now) {
        Some(0) => format!("{past} now ({time})"),
        Some(ahead) => format!("{future} in {} ({time})", duration(ahead)),
        None => format!("{past} {} ago ({time})", duration(now.saturating_sub(at))),
    }
}

/// A length of time in its two largest units.
pub(super) fn duration(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let mut left = seconds;
    let mut parts = Vec::new();
    for (length, name) in units {
        let (count, rest) = (left / length, left % length);
        if count > 0 {
            parts.push(format!("{count} {name}"));
        }
        left = rest;
    }
    parts.truncate(2);
    if parts.is_empty() { "0 s".to_owned() } else { parts.join(" ") }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 9e15")]
fn whole(seconds: f64) -> u64 {
    seconds as u64
}

fn type_of(header: &Value) -> String {
    header.get("typ").map_or_else(|| "no type".to_owned(), |typ| format!("type {}", shown(typ)))
}

/// Members by name, those that are there: `sub billing, jti t-1`.
fn members(object: &Value, names: &[&str]) -> String {
    let parts =
        names.iter().filter_map(|name| object.get(*name).map(|value| format!("{name} {}", shown(value))));
    parts.collect::<Vec<_>>().join(", ")
}

fn plain(object: &Value, name: &str) -> String {
    object.get(name).map(shown).unwrap_or_default()
}

/// A value that somebody else wrote, on its way to a terminal: cut, and without control characters.
fn shown(value: &Value) -> String {
    /// Characters shown of a value: enough to recognise an identifier by.
    const SHOWN: usize = 100;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let escaped = text
        .chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() });
    let mut shown: String = escaped.collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_tell_them() {
        assert_eq!(relative(298, 0, "expired", "expires"), "expires in 4 min 58 s (1970-01-01 00:04:58Z)");
        assert_eq!(relative(0, 90_061, "expired", "expires"), "expired 1 d 1 h ago (1970-01-01 00:00:00Z)");
        assert_eq!(relative(7, 7, "expired", "expires"), "expired now (1970-01-01 00:00:07Z)");
        assert_eq!(duration(3_600), "1 h");
        assert_eq!(duration(3_601), "1 h 1 s");
    }

    #[test]
    fn what_others_wrote_cannot_play_with_the_terminal() {
        let value = Value::from(format!("a\u{1b}[2J\n{}", "é".repeat(200)));
        let text = shown(&value);
        assert!(text.starts_with("a\\u{1b}[2J\\n") && text.ends_with("é…"), "{text}");
        assert!(text.chars().all(|c| !c.is_control()));
    }

    #[test]
    fn nothing_of_a_signature_is_kept() {
        let writing = Writing::on("e30.eyJpc3MiOiJpIn0.c2lnbmF0dXJl");
        assert_eq!(writing.issuer(), Some("i"));
        for token in ["", "a", "..", "x.y.z.w", "\u{1f600}.é."] {
            assert_eq!(Writing::on(token).issuer(), None, "{token}");
        }
    }
}
