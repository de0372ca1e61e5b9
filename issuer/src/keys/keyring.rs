//! The keys of one moment: the one that signs and those that are published.

use std::collections::BTreeMap;
use std::sync::Arc;

use jsonwebtoken::jwk::JwkSet;

use super::signer::Signer;
use super::vault::{KeyError, Vault};
use crate::domain::{Algorithm, KeyState, StoredKey};

/// All keys of a snapshot, the active ones parsed and ready.
#[derive(Clone, Debug)]
pub struct Keyring {
    /// One for each algorithm.
    active: BTreeMap<Algorithm, Arc<dyn Signer>>,
    /// What signs where nobody says.
    default: Algorithm,
    keys: Vec<StoredKey>,
}

/// The published set: public halves only (RFC 7517 §5).
pub type PublishedKeys = JwkSet;

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No key is active of the algorithm that signs where an audience does not say.
    #[error(
        "there is no active {0} signing key; `tessera keys add --algorithm {0}` makes one, or name another \
         algorithm in `[tokens] algorithm`"
    )]
    NoActiveKey(Algorithm),
    /// The active key cannot be used.
    #[error("the active signing key cannot be used")]
    Key(#[from] KeyError),
    /// The process ends.
    #[error("the signing keys could not be opened to the end")]
    Interrupted,
}

impl Keyring {
    /// Opens the active keys, except those that `before` holds already.
    pub fn new(keys: Vec<StoredKey>, vault: &Vault, before: Option<&Self>) -> Result<Self, KeyringError> {
        let mut active = BTreeMap::new();
        for key in keys.iter().filter(|key| key.state == KeyState::Active) {
            let known = before.and_then(|ring| ring.active.get(&key.algorithm));
            let signer = match known.filter(|signer| signer.key_id() == key.kid) {
                Some(signer) => Arc::clone(signer),
                None => vault.open(key)?,
            };
            active.insert(key.algorithm, signer);
        }
        let default = vault.algorithm();
        if !active.contains_key(&default) {
            return Err(KeyringError::NoActiveKey(default));
        }
        Ok(Self { active, default, keys })
    }

    /// The key that signs with `algorithm`, or with the issuer's own choice. `None` if there is none of it.
    #[must_use]
    pub fn signer(&self, algorithm: Option<Algorithm>) -> Option<&dyn Signer> {
        self.active.get(&algorithm.unwrap_or(self.default)).map(|signer| &**signer)
    }

    /// All keys, in the order of their making.
    #[must_use]
    pub fn keys(&self) -> &[StoredKey] {
        &self.keys
    }

    /// The keys that verifiers may need: all that are stored. Whoever removes a retired one sees to it that its last
    /// token is dead, by better means than the clock of this machine.
    #[must_use]
    pub fn published(&self) -> PublishedKeys {
        JwkSet { keys: self.keys.iter().map(|key| key.jwk.clone()).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Algorithm, UnixTime};
    use crate::testing::vault;

    #[test]
    fn each_algorithm_has_its_key_and_one_is_the_issuers_choice() {
        let vault = vault();
        let key = |algorithm| vault.generate(algorithm, KeyState::Active, UnixTime::from_seconds(0)).unwrap();
        let (rs256, es256) = (key(Algorithm::Rs256), key(Algorithm::Es256));
        let ring = Keyring::new(vec![rs256.clone(), es256.clone()], &vault, None).unwrap();
        let kid = |algorithm| ring.signer(algorithm).map(|signer| signer.key_id().to_owned());
        assert_eq!(kid(None), Some(es256.kid.clone()));
        assert_eq!(kid(Some(Algorithm::Es256)), Some(es256.kid));
        assert_eq!(kid(Some(Algorithm::Rs256)), Some(rs256.kid.clone()));

        assert!(ring.signer(Some(Algorithm::Es384)).is_none());
        let alone = Keyring::new(vec![rs256], &vault, None);
        assert!(matches!(alone, Err(KeyringError::NoActiveKey(Algorithm::Es256))));
    }

    #[test]
    fn all_keys_are_published_and_none_is_parsed_twice() {
        let vault = vault();
        let at = UnixTime::from_seconds;
        let key = |state| vault.generate(Algorithm::Es256, state, at(0)).unwrap();
        let retired = key(KeyState::Retired { published_until: at(100) });
        let keys = vec![key(KeyState::Active), key(KeyState::Next), retired.clone()];
        let ring = Keyring::new(keys.clone(), &vault, None).unwrap();
        let published = ring.published();
        assert!(keys.iter().all(|key| published.find(&key.kid) == Some(&key.jwk)));
        assert_eq!(published.keys.len(), 3);

        let again = Keyring::new(keys, &vault, Some(&ring)).unwrap();
        let es256 = Algorithm::Es256;
        assert!(Arc::ptr_eq(&ring.active[&es256], &again.active[&es256]), "the same key is not parsed again");
        assert!(matches!(
            Keyring::new(vec![retired], &vault, None),
            Err(KeyringError::NoActiveKey(Algorithm::Es256))
        ));
    }
}
