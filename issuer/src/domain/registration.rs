//! Workload registrations: whose assertions prove that someone is a client (RFC 7523 §3).

mod key_source;

use std::fmt;
use std::str::FromStr;

pub use key_source::{InlineKeySet, JwksUri, KeySource, MAX_INLINE_JWKS};
use serde::{Deserialize, Serialize};
use tessera_url::UrlFault;

use super::condition::{Conditions, ConditionsError};

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

/// A text that a registration compares with: 1 to [`MAX_NAME`] bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegisteredText(String);

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
    Other(RegisteredText),
}

/// "Whoever brings a JWT of this issuer that meets these conditions, made for this audience, is the client."
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkloadRegistration {
    /// `iss`, compared as text; for JWT-SVIDs `spiffe://` and the trust domain.
    pub issuer: RegisteredText,
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
    #[error("the JWKS URI must be an https URL (http is for loopback hosts only): {0}")]
    Uri(UrlFault),
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

impl From<Profile> for tessera_verifier::Profile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Jwt => Self::Jwt,
            Profile::AccessToken => Self::AccessToken,
            Profile::JwtSvid => Self::JwtSvid,
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

impl AudienceRule {
    /// This text, as the only value.
    pub fn other(audience: &str) -> Result<Self, RegistrationError> {
        let accepts = AcceptedAudience::Other(RegisteredText::new("audience", audience)?);
        Ok(Self { accepts, exclusive: true })
    }
}

impl Default for AudienceRule {
    fn default() -> Self {
        Self { accepts: AcceptedAudience::Issuer, exclusive: true }
    }
}

impl RegisteredText {
    /// Takes a text as the `field` of a registration.
    pub fn new(field: &'static str, text: impl Into<String>) -> Result<Self, RegistrationError> {
        let text = text.into();
        if text.is_empty() || text.len() > MAX_NAME {
            return Err(RegistrationError::Name { field });
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for RegisteredText {
    type Error = RegistrationError;

    fn try_from(text: String) -> Result<Self, RegistrationError> {
        Self::new("text", text)
    }
}

impl From<RegisteredText> for String {
    fn from(text: RegisteredText) -> Self {
        text.0
    }
}

impl fmt::Display for RegisteredText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
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
