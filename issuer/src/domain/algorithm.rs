//! Signature algorithms.

use std::fmt;
use std::str::FromStr;

/// Signature algorithms that this issuer signs with (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(into = "&'static str")]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256: the default, small and quick to make.
    #[default]
    Es256,
    /// RSA PKCS #1 v1.5 with SHA-256, for verifiers that know nothing else.
    Rs256,
    /// RSA PSS with SHA-256 and a salt as long as the digest.
    Ps256,
    /// ECDSA on P-384 with SHA-384.
    Es384,
    /// EdDSA on edwards25519.
    EdDsa,
}

/// The text names no [`Algorithm`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the algorithm must be ES256, RS256, PS256, ES384 or EdDSA")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 5] = [Self::Es256, Self::Rs256, Self::Ps256, Self::Es384, Self::EdDsa];

    /// The name in `alg`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }
}

impl From<Algorithm> for &'static str {
    fn from(algorithm: Algorithm) -> Self {
        algorithm.as_str()
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|algorithm| algorithm.as_str() == text).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_by_its_name() {
        for algorithm in Algorithm::ALL {
            assert_eq!(algorithm.as_str().parse(), Ok(algorithm));
            assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
        }
        for text in ["none", "HS256", "es256", "ES256 ", ""] {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm));
        }
    }
}
