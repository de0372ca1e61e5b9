//! The keys of one moment: the one that signs and those that are published.

use std::sync::Arc;

use jsonwebtoken::jwk::{Jwk, JwkSet};

use super::kek::KeyEncryptionKey;
use super::signer::{KeyError, Signer, open};
use crate::domain::{KeyState, StoredKey, UnixTime};

/// All keys of a snapshot, the active one parsed and ready.
#[derive(Clone, Debug)]
pub struct Keyring {
    active: Arc<dyn Signer>,
    keys: Vec<StoredKey>,
}

/// The published set: public halves only (RFC 7517 §5).
pub type PublishedKeys = JwkSet;

/// Why there is no keyring.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// No key is active.
    #[error("there is no active signing key")]
    NoActiveKey,
    /// The active key cannot be used.
    #[error("the active signing key cannot be used")]
    Key(#[from] KeyError),
}

impl Keyring {
    /// Opens the active key, unless `before` holds it already.
    pub fn new(
        keys: Vec<StoredKey>,
        kek: &KeyEncryptionKey,
        before: Option<&Self>,
    ) -> Result<Self, KeyringError> {
        let active =
            keys.iter().find(|key| key.state == KeyState::Active).ok_or(KeyringError::NoActiveKey)?;
        let known = before.map(|ring| &ring.active).filter(|signer| signer.key_id() == active.kid);
        let active = match known {
            Some(signer) => Arc::clone(signer),
            None => Arc::from(open(active, kek)?),
        };
        Ok(Self { active, keys })
    }

    /// The key that signs.
    #[must_use]
    pub fn active(&self) -> &dyn Signer {
        &*self.active
    }

    /// The keys that verifiers may need at `now`: next, active, and those retired whose tokens may still live.
    #[must_use]
    pub fn published(&self, now: UnixTime) -> PublishedKeys {
        let keys: Vec<Jwk> =
            self.keys.iter().filter(|key| key.is_published(now)).map(|key| key.jwk.clone()).collect();
        JwkSet { keys }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Algorithm;
    use crate::keys::generate;

    #[test]
    fn a_retired_key_is_published_until_its_time_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let kek = KeyEncryptionKey::create(&folder.path().join("kek")).unwrap();
        let at = UnixTime::from_seconds;
        let key = |state| generate(Algorithm::Es256, state, &kek, at(0)).unwrap();
        let retired = key(KeyState::Retired { published_until: at(100) });
        let keys = vec![key(KeyState::Active), key(KeyState::Next), retired.clone()];
        let ring = Keyring::new(keys.clone(), &kek, None).unwrap();
        assert_eq!(ring.published(at(99)).keys.len(), 3);
        assert_eq!(ring.published(at(100)).keys.len(), 2);
        assert!(ring.published(at(100)).find(&retired.kid).is_none());

        let again = Keyring::new(keys, &kek, Some(&ring)).unwrap();
        assert!(Arc::ptr_eq(&ring.active, &again.active), "the same key is not parsed again");
        assert!(matches!(Keyring::new(vec![retired], &kek, None), Err(KeyringError::NoActiveKey)));
    }
}
