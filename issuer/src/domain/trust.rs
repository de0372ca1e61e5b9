//! Trust registrations: whose assertions prove that someone is a client (RFC 7523 §3).

use std::str::FromStr;

use url::Url;

use super::id::ClientId;
use super::issuer::is_secure;

/// Largest inline key set, in bytes: what the verifier takes from a `jwks_uri` as well.
pub const MAX_INLINE_JWKS: usize = 64 * 1024;
/// Longest issuer, subject or audience of a registration, in bytes; generous for SPIFFE IDs and Kubernetes service
/// accounts, whose parts are limited to 253 characters.
pub const MAX_NAME: usize = 1024;

/// Which rules an assertion follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub enum Profile {
    /// A plain JWT, as workload platforms issue them.
    #[serde(rename = "jwt")]
    Jwt,
    /// An RFC 9068 access token, as another authorization server issues them.
    #[serde(rename = "at+jwt")]
    AccessToken,
}

/// Where the keys of a trusted issuer come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum KeySource {
    /// Fetched from this URL, `https` or loopback, and followed as it rotates.
    Uri(String),
    /// Given with the registration: a JWK Set (RFC 7517 §5) as JSON text.
    Inline(String),
}

/// "Whoever brings a JWT of this issuer, about this subject, made for this audience, is that client."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trust {
    /// Whom the assertion proves.
    pub client: ClientId,
    /// `iss`, compared as text.
    pub issuer: String,
    /// Where the issuer's keys are.
    pub keys: KeySource,
    /// `sub`, compared as text.
    pub subject: String,
    /// A member of `aud`; `None` is this server, by its identifier or by its token endpoint (RFC 7523 §3).
    pub audience: Option<String>,
    /// The rules it follows.
    pub profile: Profile,
}

/// Why a registration cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
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
    /// Neither of the two profiles.
    #[error("the profile must be `jwt` or `at+jwt`")]
    Profile,
}

impl Profile {
    /// Its name in policies and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::AccessToken => "at+jwt",
        }
    }
}

impl FromStr for Profile {
    type Err = TrustError;

    fn from_str(text: &str) -> Result<Self, TrustError> {
        match text {
            "jwt" => Ok(Self::Jwt),
            "at+jwt" => Ok(Self::AccessToken),
            _ => Err(TrustError::Profile),
        }
    }
}

impl KeySource {
    /// A URL to fetch the keys from.
    pub fn uri(text: &str) -> Result<Self, TrustError> {
        let url = Url::parse(text).map_err(|_| TrustError::Uri)?;
        let plain = url.fragment().is_none() && url.username().is_empty() && url.password().is_none();
        if is_secure(&url) && plain { Ok(Self::Uri(text.to_owned())) } else { Err(TrustError::Uri) }
    }

    /// Keys given in full, as the text of a JWK Set.
    pub fn inline(text: &str) -> Result<Self, TrustError> {
        if text.len() > MAX_INLINE_JWKS {
            return Err(TrustError::TooLarge { length: text.len() });
        }
        let set: serde_json::Value = serde_json::from_str(text).map_err(|_| TrustError::NotKeySet)?;
        let keys = set.get("keys").and_then(serde_json::Value::as_array).ok_or(TrustError::NotKeySet)?;
        for member in ["d", "p", "q", "k"] {
            if keys.iter().any(|key| key.get(member).is_some()) {
                return Err(TrustError::PrivateKey { member });
            }
        }
        Ok(Self::Inline(set.to_string()))
    }
}

impl Trust {
    /// Checks the names; the other parts are already what they should be.
    pub fn checked(self) -> Result<Self, TrustError> {
        let audience = self.audience.as_deref().unwrap_or(&self.issuer);
        for (field, value) in [("issuer", &*self.issuer), ("subject", &*self.subject), ("audience", audience)]
        {
            if value.is_empty() || value.len() > MAX_NAME {
                return Err(TrustError::Name { field });
            }
        }
        Ok(self)
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
            assert!(matches!(KeySource::uri(text), Err(TrustError::Uri)), "{text}");
        }
    }

    #[test]
    fn inline_keys_are_public_keys() {
        assert!(matches!(KeySource::inline(r#"{"keys":[]}"#), Ok(KeySource::Inline(_))));
        assert!(matches!(KeySource::inline("[]"), Err(TrustError::NotKeySet)));
        assert!(matches!(
            KeySource::inline(r#"{"keys":[{"kty":"EC","d":"AA"}]}"#),
            Err(TrustError::PrivateKey { member: "d" })
        ));
        let large = format!("{}{}", r#"{"keys":[]}"#, " ".repeat(MAX_INLINE_JWKS));
        assert!(matches!(KeySource::inline(&large), Err(TrustError::TooLarge { .. })));
    }
}
