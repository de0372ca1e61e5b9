//! What a client proves itself with. A client has any number of credentials, so that one can follow another without
//! a moment in which none works.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::id::ClientId;
use super::registration::{AudienceRule, KeySource, RegisteredText, WorkloadRegistration};
use super::secret::{RandomError, SecretHash, random};
use super::time::UnixTime;

/// Most credentials of one client.
pub const MAX_CREDENTIALS: usize = 32;
/// Most secrets among them: the old one, the new one, and twice that for mishaps. Every check of a secret costs
/// this many comparisons.
pub const MAX_SECRETS: usize = 4;

/// Bytes of randomness in a credential's name.
const ID_BYTES: usize = 8;

/// One way in which a client can prove itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name, by which it is listed, logged and removed.
    pub id: CredentialId,
    /// Whom it proves.
    pub client: ClientId,
    /// What it is.
    pub kind: CredentialKind,
    /// When it was made.
    pub created_at: UnixTime,
    /// From when on it proves nothing.
    pub expires_at: Option<UnixTime>,
}

/// The name of a credential: 16 hexadecimal digits, random, no secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CredentialId(Arc<str>);

/// What a credential is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialKind {
    /// A generated secret (`client_secret_basic`, `client_secret_post`; RFC 6749 §2.3.1).
    Secret(SecretHash),
    /// The client's own keys, with which it signs assertions about itself (`private_key_jwt`; RFC 7523 §2.2).
    Keys(ClientKeys),
    /// The JWTs of a platform that the client runs on (RFC 7523).
    Workload(WorkloadRegistration),
    /// A TLS client certificate (RFC 8705 §2).
    Certificate(CertificateMatch),
}

/// A client's own keys.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientKeys {
    /// Where they are.
    pub keys: KeySource,
    /// What its assertions have to say in `aud`.
    pub audience: AudienceRule,
    /// Longest life of an assertion, in seconds; the server's own cap if absent.
    pub max_lifetime: Option<u64>,
}

/// Which certificate proves a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CertificateMatch {
    /// Issued by the operator's CA with this subject, in RFC 4514 text (`tls_client_auth_subject_dn`).
    SubjectDn(RegisteredText),
    /// The same with this DNS name among its alternative names.
    SanDns(RegisteredText),
    /// The same with this URI, such as a SPIFFE ID.
    SanUri(RegisteredText),
    /// The same with this address.
    SanIp(IpAddr),
    /// The same with this mail address.
    SanEmail(RegisteredText),
    /// This very certificate, whoever issued it: SHA-256 of its DER form (`self_signed_tls_client_auth`).
    Thumbprint(Thumbprint),
}

/// SHA-256 of a certificate in DER form, base64url as text (RFC 8705 §3.1 `x5t#S256`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Thumbprint([u8; 32]);

/// The text is no [`CredentialId`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a credential is named by 16 hexadecimal digits; `tessera credential list` shows them")]
pub struct CredentialIdError;

/// The text is no [`Thumbprint`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a thumbprint is a SHA-256 in base64url: 43 characters")]
pub struct ThumbprintError;

impl Credential {
    /// Whether it still proves something.
    #[must_use]
    pub fn is_good_at(&self, now: UnixTime) -> bool {
        self.expires_at.is_none_or(|expiry| now < expiry)
    }
}

impl CredentialId {
    /// A new one.
    pub fn generate() -> Result<Self, RandomError> {
        let number = u64::from_be_bytes(random::<ID_BYTES>()?);
        Ok(Self(format!("{number:016x}").into()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl CredentialKind {
    /// One word for it.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Secret(_) => "secret",
            Self::Keys(_) => "keys",
            Self::Workload(_) => "workload",
            Self::Certificate(_) => "certificate",
        }
    }
}

impl CertificateMatch {
    /// The name of the client metadata that says the same (RFC 8705 §2.1.2).
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::SubjectDn(_) => "subject_dn",
            Self::SanDns(_) => "san_dns",
            Self::SanUri(_) => "san_uri",
            Self::SanIp(_) => "san_ip",
            Self::SanEmail(_) => "san_email",
            Self::Thumbprint(_) => "thumbprint",
        }
    }
}

impl Thumbprint {
    /// Of these bytes.
    #[must_use]
    pub const fn new(sha256: [u8; 32]) -> Self {
        Self(sha256)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&super::secret::to_base64url(&self.0))
    }
}

impl fmt::Display for CertificateMatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.as_str();
        match self {
            Self::SubjectDn(text) | Self::SanDns(text) | Self::SanUri(text) | Self::SanEmail(text) => {
                write!(f, "{name} {text}")
            }
            Self::SanIp(address) => write!(f, "{name} {address}"),
            Self::Thumbprint(thumbprint) => write!(f, "{name} {thumbprint}"),
        }
    }
}

impl FromStr for Thumbprint {
    type Err = ThumbprintError;

    fn from_str(text: &str) -> Result<Self, ThumbprintError> {
        super::secret::from_base64url(text).map(Self).ok_or(ThumbprintError)
    }
}

impl TryFrom<String> for Thumbprint {
    type Error = ThumbprintError;

    fn try_from(text: String) -> Result<Self, ThumbprintError> {
        text.parse()
    }
}

impl From<Thumbprint> for String {
    fn from(thumbprint: Thumbprint) -> Self {
        thumbprint.to_string()
    }
}

impl FromStr for CredentialId {
    type Err = CredentialIdError;

    fn from_str(text: &str) -> Result<Self, CredentialIdError> {
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if digits && text.len() == 2 * ID_BYTES { Ok(Self(text.into())) } else { Err(CredentialIdError) }
    }
}

impl fmt::Display for CredentialId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl Serialize for CredentialId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Conditions, Profile};

    #[test]
    fn names_are_hexadecimal_and_random() {
        let id = CredentialId::generate().unwrap();
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert_ne!(CredentialId::generate().unwrap(), id);
        for text in ["", "0123456789ABCDEF", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeg"] {
            assert_eq!(text.parse::<CredentialId>(), Err(CredentialIdError), "{text}");
        }
    }

    #[test]
    fn what_is_stored_comes_back() {
        let workload = WorkloadRegistration {
            issuer: RegisteredText::new("issuer", "https://platform.example").unwrap(),
            keys: KeySource::Discovery,
            audience: AudienceRule {
                accepts: super::super::AcceptedAudience::TokenEndpoint,
                exclusive: false,
            },
            conditions: Conditions::subject("pod"),
            profile: Profile::Jwt,
            max_lifetime: Some(60),
        };
        let keys = ClientKeys {
            keys: KeySource::uri("https://shop.example/jwks").unwrap(),
            audience: AudienceRule::default(),
            max_lifetime: None,
        };
        for kind in [
            CredentialKind::Workload(workload),
            CredentialKind::Keys(keys),
            CredentialKind::Certificate(CertificateMatch::SanIp("::1".parse().unwrap())),
            CredentialKind::Certificate(CertificateMatch::Thumbprint(Thumbprint::new([7; 32]))),
        ] {
            let json = serde_json::to_string(&kind).unwrap();
            assert_eq!(serde_json::from_str::<CredentialKind>(&json).unwrap(), kind, "{json}");
        }
    }
}
