//! Client secrets: generated here, shown once, kept as a hash.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::{digest, rand};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

/// Bytes of randomness in a generated secret: 256 bits.
const SECRET_BYTES: usize = 32;
/// Starts every generated secret, so that scanners of repositories and logs can find one that leaked.
const SECRET_PREFIX: &str = "tessera_";

/// A client secret in the clear, either just generated or just presented. `Debug` shows nothing of it.
#[derive(Clone)]
pub struct ClientSecret(Zeroizing<String>);

/// SHA-256 of a client secret.
///
/// A fast hash is right *because the secrets are generated*: 256 random bits cannot be guessed however fast the
/// guesses are, so a slow password hash would protect nothing and would hand anyone who can send requests a way
/// to burn this server's CPU. Secrets that people choose are not accepted anywhere, which keeps this true.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretHash([u8; digest::SHA256_OUTPUT_LEN]);

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system's random generator failed")]
pub struct RandomError;

/// Fills an array with randomness.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| RandomError)?;
    Ok(bytes)
}

impl ClientSecret {
    /// A new secret: a fixed prefix and 256 random bits in base64url.
    pub fn generate() -> Result<Self, RandomError> {
        let bytes = Zeroizing::new(random::<SECRET_BYTES>()?);
        Ok(Self(Zeroizing::new(format!("{SECRET_PREFIX}{}", URL_SAFE_NO_PAD.encode(bytes)))))
    }

    /// A secret that a client presented.
    #[must_use]
    pub fn presented(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, to be shown once to whoever asked for its generation.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    #[must_use]
    pub fn hash(&self) -> SecretHash {
        let mut hash = [0; digest::SHA256_OUTPUT_LEN];
        hash.copy_from_slice(digest::digest(&digest::SHA256, self.0.as_bytes()).as_ref());
        SecretHash(hash)
    }
}

impl SecretHash {
    /// Compared with when there is no client or the client has no secret: no text hashes to it that anyone could
    /// find, and the comparison takes the same path.
    pub(crate) const NONE: Self = Self([0; digest::SHA256_OUTPUT_LEN]);

    /// Whether `secret` is the one that was hashed, in constant time.
    #[must_use]
    pub fn matches(&self, secret: &ClientSecret) -> bool {
        verify_slices_are_equal(&self.0, &secret.hash().0).is_ok()
    }

    /// Base64url, for the store.
    #[must_use]
    pub fn to_text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Reads [`to_text`](Self::to_text) back; `None` if it is anything else.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        URL_SAFE_NO_PAD.decode(text).ok()?.try_into().ok().map(Self)
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClientSecret(…)")
    }
}

impl fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretHash(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_secret_matches() {
        let secret = ClientSecret::generate().unwrap();
        let other = ClientSecret::generate().unwrap();
        assert!(secret.hash().matches(&secret));
        assert!(!secret.hash().matches(&other));
        assert!(!SecretHash::NONE.matches(&secret));
        assert_eq!(secret.reveal().len(), SECRET_PREFIX.len() + 43);
    }

    #[test]
    fn the_hash_survives_the_store() {
        let hash = ClientSecret::presented("s".to_owned()).hash();
        assert_eq!(SecretHash::from_text(&hash.to_text()), Some(hash));
        assert_eq!(SecretHash::from_text("short"), None);
    }

    #[test]
    fn debug_shows_neither_secret_nor_hash() {
        let secret = ClientSecret::presented("hunter2".to_owned());
        assert_eq!(format!("{secret:?} {:?}", secret.hash()), "ClientSecret(…) SecretHash(…)");
    }
}
