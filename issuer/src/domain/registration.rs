//! Trust registrations: whose assertions prove that someone is a client (RFC 7523 §3).

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use super::condition::{Conditions, ConditionsError};
use super::issuer::is_secure;

/// Largest inline key set, in bytes: what the verifier takes from a `jwks_uri` as well.
pub const MAX_INLINE_JWKS: usize = 64 * 1024;
/// Longest issuer, subject or audience of a registration, in bytes; generous for SPIFFE IDs and Kubernetes service
/// accounts, whose parts are limited to 253 characters.
pub const MAX_NAME: usize = 1024;

/// Which rules an assertion follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Profile {
    /// A plain JWT, as workload platforms issue them.
    #[serde(rename = "jwt")]
    Jwt,
    /// An RFC 9068 access token, as another authorization server issues them.
    #[serde(rename = "at+jwt")]
    AccessToken,
    /// A SPIFFE JWT-SVID: the trust domain is read from `sub`, and there need be no `iss`.
    #[serde(rename = "jwt-svid")]
    JwtSvid,
}

/// Where keys of others come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// The issuer's metadata say where (OpenID Connect Discovery 1.0 §4, RFC 8414).
    Discovery,
    /// Fetched from this URL, `https` or loopback, and followed as it rotates.
    Uri(String),
    /// Given with the registration: a JWK Set (RFC 7517 §5) as JSON text.
    Inline(String),
}

/// What an assertion has to say in `aud`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AudienceRule {
    /// Which value.
    pub accepts: AcceptedAudience,
    /// Whether it has to be the only one (draft-ietf-oauth-rfc7523bis). What is made for several can be shown by one of
    /// them to another.
    pub exclusive: bool,
}

/// The value that `aud` has to hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedAudience {
    /// This server's issuer identifier, and nothing else.
    Issuer,
    /// That, or the URL of the token endpoint, as older clients send it (RFC 7523 §3).
    TokenEndpoint,
    /// This text: for platforms that cannot mint a token for a URL of our choice.
    Other(String),
}

/// "Whoever brings a JWT of this issuer that meets these conditions, made for this audience, is the client."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRegistration {
    /// `iss`, compared as text; for JWT-SVIDs `spiffe://` and the trust domain.
    pub issuer: String,
    /// Where the issuer's keys are.
    pub keys: KeySource,
    /// What `aud` has to say.
    pub audience: AudienceRule,
    /// What the other claims have to be, `sub` among them.
    #[serde(with = "conditions")]
    pub conditions: Conditions,
    /// The rules the JWT follows.
    pub profile: Profile,
    /// Longest life of an assertion, in seconds; the server's own cap if absent.
    pub max_lifetime: Option<u64>,
}

/// Why a registration cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum RegistrationError {
    /// An empty or overlong name.
    #[error("the {field} must have 1 to {MAX_NAME} bytes")]
    Name {
        /// Which one.
        field: &'static str,
    },
    /// Not an acceptable `jwks_uri`.
    #[error(
        "the JWKS URI must be an https URL without fragment or user information (http for loopback hosts only)"
    )]
    Uri,
    /// Longer than [`MAX_INLINE_JWKS`].
    #[error("the key set has {length} bytes, at most {MAX_INLINE_JWKS} are taken")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
    },
    /// Not a JWK Set.
    #[error("the key set is not a JSON object with an array `keys` in it")]
    NotKeySet,
    /// It contains a private or symmetric key, which has no business here.
    #[error("the key set holds private key material (member `{member}`); give the public keys only")]
    PrivateKey {
        /// The telling member.
        member: &'static str,
    },
    /// None of the profiles.
    #[error("the profile must be `jwt`, `at+jwt` or `jwt-svid`")]
    Profile,
    /// The conditions are none.
    #[error(transparent)]
    Conditions(#[from] ConditionsError),
}

impl Profile {
    /// Its name in policies and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::AccessToken => "at+jwt",
            Self::JwtSvid => "jwt-svid",
        }
    }
}

impl FromStr for Profile {
    type Err = RegistrationError;

    fn from_str(text: &str) -> Result<Self, RegistrationError> {
        match text {
            "jwt" => Ok(Self::Jwt),
            "at+jwt" => Ok(Self::AccessToken),
            "jwt-svid" => Ok(Self::JwtSvid),
            _ => Err(RegistrationError::Profile),
        }
    }
}

impl KeySource {
    /// A URL to fetch the keys from.
    pub fn uri(text: &str) -> Result<Self, RegistrationError> {
        let url = Url::parse(text).map_err(|_| RegistrationError::Uri)?;
        let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if is_secure(&url) && plain { Ok(Self::Uri(text.to_owned())) } else { Err(RegistrationError::Uri) }
    }

    /// Keys given in full, as the text of a JWK Set.
    pub fn inline(text: &str) -> Result<Self, RegistrationError> {
        if text.len() > MAX_INLINE_JWKS {
            return Err(RegistrationError::TooLarge { length: text.len() });
        }
        let set: serde_json::Value = serde_json::from_str(text).map_err(|_| RegistrationError::NotKeySet)?;
        let keys =
            set.get("keys").and_then(serde_json::Value::as_array).ok_or(RegistrationError::NotKeySet)?;
        for member in ["d", "p", "q", "k"] {
            if keys.iter().any(|key| key.get(member).is_some()) {
                return Err(RegistrationError::PrivateKey { member });
            }
        }
        Ok(Self::Inline(set.to_string()))
    }
}

impl KeySource {
    /// Checks again what was stored.
    pub(super) fn check(&self) -> Result<(), RegistrationError> {
        match self {
            Self::Discovery => Ok(()),
            Self::Uri(uri) => Self::uri(uri).map(|_| ()),
            Self::Inline(set) => Self::inline(set).map(|_| ()),
        }
    }
}

impl AudienceRule {
    /// This text, as the only value.
    #[must_use]
    pub fn other(audience: &str) -> Self {
        Self { accepts: AcceptedAudience::Other(audience.to_owned()), exclusive: true }
    }

    pub(super) fn check(&self) -> Result<(), RegistrationError> {
        match &self.accepts {
            AcceptedAudience::Other(text) => check_name("audience", text),
            AcceptedAudience::Issuer | AcceptedAudience::TokenEndpoint => Ok(()),
        }
    }
}

impl Default for AudienceRule {
    fn default() -> Self {
        Self { accepts: AcceptedAudience::Issuer, exclusive: true }
    }
}

impl WorkloadRegistration {
    /// Checks the texts; the other parts are already what they should be.
    pub fn check(&self) -> Result<(), RegistrationError> {
        check_name("issuer", &self.issuer)?;
        self.keys.check()?;
        self.audience.check()
    }
}

fn check_name(field: &'static str, value: &str) -> Result<(), RegistrationError> {
    if value.is_empty() || value.len() > MAX_NAME { Err(RegistrationError::Name { field }) } else { Ok(()) }
}

/// Conditions are stored as the list that they are.
mod conditions {
    use serde::de::Error as _;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use serde_json::Value;

    use super::Conditions;

    pub(super) fn serialize<S: Serializer>(conditions: &Conditions, to: S) -> Result<S::Ok, S::Error> {
        let list: Value = serde_json::from_str(conditions.as_json()).map_err(serde::ser::Error::custom)?;
        list.serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Conditions, D::Error> {
        Conditions::new(&Vec::<Value>::deserialize(from)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_from_secure_urls_only() {
        for text in ["https://id.example/jwks?tenant=1", "http://127.0.0.1:1/jwks", "http://[::1]/jwks"] {
            assert_eq!(KeySource::uri(text).unwrap(), KeySource::Uri(text.to_owned()));
        }
        for text in ["http://id.example/jwks", "file:///etc/passwd", "https://u@id.example/", "/jwks"] {
            assert!(matches!(KeySource::uri(text), Err(RegistrationError::Uri)), "{text}");
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
}
