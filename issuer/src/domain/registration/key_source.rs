//! Where the keys of others come from.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tessera_url::PlainHttp;

use super::RegistrationError;

/// Largest inline key set, in bytes: what the verifier takes from a `jwks_uri` as well.
pub const MAX_INLINE_JWKS: usize = 64 * 1024;

/// Where keys of others come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The issuer's metadata say where (OpenID Connect Discovery 1.0 §4, RFC 8414).
    Discovery,
    /// Fetched from this URL, and followed as it rotates.
    Uri(JwksUri),
    /// Given with the registration.
    Inline(InlineKeySet),
}

/// The URL of a key set: `https`, or `http` to a loopback host, without fragment and user information.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct JwksUri(String);

/// A JWK Set (RFC 7517 §5) of public keys, as JSON text of at most [`MAX_INLINE_JWKS`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InlineKeySet(String);

impl KeySource {
    /// A URL to fetch the keys from.
    pub fn uri(text: &str) -> Result<Self, RegistrationError> {
        JwksUri::try_from(text.to_owned()).map(Self::Uri)
    }

    /// Keys given in full, as the text of a JWK Set.
    pub fn inline(text: &str) -> Result<Self, RegistrationError> {
        InlineKeySet::parse(text).map(Self::Inline)
    }
}

impl JwksUri {
    /// The URL as it was given.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl InlineKeySet {
    fn parse(text: &str) -> Result<Self, RegistrationError> {
        if text.len() > MAX_INLINE_JWKS {
            return Err(RegistrationError::TooLarge { length: text.len() });
        }
        let set: Value = serde_json::from_str(text).map_err(|_| RegistrationError::NotKeySet)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(RegistrationError::NotKeySet)?;
        for member in ["d", "p", "q", "k"] {
            if keys.iter().any(|key| key.get(member).is_some()) {
                return Err(RegistrationError::PrivateKey { member });
            }
        }
        Ok(Self(set.to_string()))
    }

    /// The set as JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for JwksUri {
    type Error = RegistrationError;

    fn try_from(text: String) -> Result<Self, RegistrationError> {
        tessera_url::check(&text, PlainHttp::Loopback).map_err(RegistrationError::Uri)?;
        Ok(Self(text))
    }
}

impl From<JwksUri> for String {
    fn from(uri: JwksUri) -> Self {
        uri.0
    }
}

impl TryFrom<String> for InlineKeySet {
    type Error = RegistrationError;

    fn try_from(text: String) -> Result<Self, RegistrationError> {
        Self::parse(&text)
    }
}

impl From<InlineKeySet> for String {
    fn from(set: InlineKeySet) -> Self {
        set.0
    }
}

#[cfg(test)]
mod tests {
    use tessera_fetch::Destination;
    use tessera_verifier::{Backend, Verifier};

    use super::*;

    /// What is registered here is fetched by `tessera-fetch` and may be named by a policy: one table for all three.
    #[test]
    fn a_url_of_keys_is_judged_alike_by_registrations_the_fetcher_and_policies() {
        let policy = |url: &str| {
            let issuers = serde_json::json!([{ "issuer": "platform", "jwks_uri": url }]);
            let policy =
                serde_json::json!({ "issuers": issuers, "audiences": ["a"], "allow_http_loopback": true });
            Verifier::load(&policy.to_string(), Backend::Portable)
                .map(drop)
                .map_err(|error| error.to_string())
        };
        let cases: Value = serde_json::from_str(include_str!("../../../../net/url/cases.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let (url, verdict) = (case["url"].as_str().unwrap(), case["verdict"].as_str().unwrap());
            let good = matches!(verdict, "https" | "loopback http");
            assert_eq!(KeySource::uri(url).is_ok(), good, "{url:?} registered");
            assert_eq!(Destination::parse(url, PlainHttp::Loopback).is_ok(), good, "{url:?} fetched");
            let judged = policy(url);
            assert_eq!(judged.is_ok(), good, "{url:?} in a policy: {judged:?}");
        }
    }

    #[test]
    fn inline_keys_are_public_keys() {
        assert!(matches!(KeySource::inline(r#"{"keys":[]}"#), Ok(KeySource::Inline(_))));
        assert!(matches!(KeySource::inline("[]"), Err(RegistrationError::NotKeySet)));
        assert!(matches!(
            KeySource::inline(r#"{"keys":[{"kty":"EC","d":"AA"}]}"#),
            Err(RegistrationError::PrivateKey { member: "d" })
        ));
        let large = format!("{}{}", r#"{"keys":[]}"#, " ".repeat(MAX_INLINE_JWKS));
        assert!(matches!(KeySource::inline(&large), Err(RegistrationError::TooLarge { .. })));
    }

    /// The store reads its rows by the same rules.
    #[test]
    fn what_is_not_taken_is_not_read_back_either() {
        for text in [
            r#"{"uri":"http://id.example/jwks"}"#,
            r#"{"inline":"[]"}"#,
            r#"{"inline":"{\"keys\":[{\"k\":\"AA\"}]}"}"#,
        ] {
            assert!(serde_json::from_str::<KeySource>(text).is_err(), "{text}");
        }
        let read: KeySource = serde_json::from_str(r#"{"uri":"https://id.example/jwks"}"#).unwrap();
        assert_eq!(read, KeySource::uri("https://id.example/jwks").unwrap());
    }
}
