//! Where private keys are made, kept and opened.

use std::fmt;
use std::sync::Arc;

use jsonwebtoken::jwk::Jwk;
use zeroize::Zeroizing;

use super::kek::{KeyEncryptionKey, SealError, sealed_under};
use super::memory::{MemorySigner, Private, generate_pkcs8};
use super::pkcs11::{Module, ModuleError, Pkcs11Options};
use super::secret_source::{SecretError, SecretSource};
use super::signer::Signer;
use crate::domain::{Algorithm, KeyState, PrivateKey, StoredKey, UnixTime};

/// All that is needed to make signing keys and to use those that are stored: the key-encryption keys, and the PKCS #11 token if
/// there is one.
///
/// A clone shares it. What it does may wait for a hardware module: call it where a thread may wait.
#[derive(Clone)]
pub struct Vault(Arc<Inner>);

struct Inner {
    /// What is sealed is sealed under this one.
    current: KeyEncryptionKey,
    /// These open only.
    old: Vec<KeyEncryptionKey>,
    algorithm: Algorithm,
    /// New keys are made here, if there is one.
    module: Option<Module>,
}

/// What a vault needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultOptions {
    /// Where the key-encryption key comes from under which keys are sealed.
    pub key_encryption_key: SecretSource,
    /// Those of before, under which keys may still be sealed.
    pub old_key_encryption_keys: Vec<SecretSource>,
    /// What signs where an audience does not say.
    pub algorithm: Algorithm,
    /// The PKCS #11 token in which new keys are made, if there is one.
    pub pkcs11: Option<Pkcs11Options>,
}

/// Why there is no vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A key-encryption key cannot be had.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// A PKCS #11 token cannot be used.
    #[error(transparent)]
    Module(#[from] ModuleError),
}

/// Why a signing key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The generator failed.
    #[error("cannot generate an {0} key")]
    Generate(Algorithm),
    /// What was opened is not the private key that it should be.
    #[error("the stored {algorithm} key {kid} is malformed")]
    Malformed {
        /// Its id.
        kid: String,
        /// Its algorithm.
        algorithm: Algorithm,
    },
    /// It cannot be sealed or opened.
    #[error("the signing key {kid} is closed")]
    Sealed {
        /// Its id.
        kid: String,
        /// Why.
        source: SealError,
    },
    /// The PKCS #11 token does not make it.
    #[error("cannot generate an {algorithm} key")]
    NotMade {
        /// Its algorithm.
        algorithm: Algorithm,
        /// Why.
        source: ModuleError,
    },
    /// It is in a PKCS #11 token, which does not sign with it.
    #[error("the signing key {kid} cannot be used")]
    Module {
        /// Its id.
        kid: String,
        /// Why.
        source: ModuleError,
    },
    /// It is in a PKCS #11 token, and that is not configured.
    #[error("the signing key {kid} is in the PKCS #11 token `{token}`, which `[pkcs11]` does not name")]
    NoModule {
        /// Its id.
        kid: String,
        /// The token that has it.
        token: String,
    },
}

impl Vault {
    /// Gets what it needs.
    pub async fn load(options: &VaultOptions) -> Result<Self, VaultError> {
        let current = KeyEncryptionKey::load(&options.key_encryption_key).await?;
        let mut old = Vec::new();
        for source in &options.old_key_encryption_keys {
            old.push(KeyEncryptionKey::load(source).await?);
        }
        let module = match &options.pkcs11 {
            Some(options) => Some(Module::open(options).await?),
            None => None,
        };
        Ok(Self(Arc::new(Inner { current, old, algorithm: options.algorithm, module })))
    }

    /// Keys are sealed under `current`, and sign with the default algorithm.
    #[must_use]
    pub fn new(current: KeyEncryptionKey) -> Self {
        Self(Arc::new(Inner { current, old: Vec::new(), algorithm: Algorithm::default(), module: None }))
    }

    /// What signs where an audience does not say.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        self.0.algorithm
    }

    /// The id of the key-encryption key that seals.
    #[must_use]
    pub fn key_encryption_key(&self) -> &str {
        self.0.current.id()
    }

    /// Makes a new key in `state`.
    pub fn generate(
        &self,
        algorithm: Algorithm,
        state: KeyState,
        now: UnixTime,
    ) -> Result<StoredKey, KeyError> {
        loop {
            let key = self.make(algorithm, state, now)?;
            // One in 64 has an id that command lines would take for an option.
            if !key.kid.starts_with('-') {
                return Ok(key);
            }
            self.discard(&key)?;
        }
    }

    fn make(&self, algorithm: Algorithm, state: KeyState, now: UnixTime) -> Result<StoredKey, KeyError> {
        let (kid, jwk, private) = match &self.0.module {
            Some(module) => {
                let made = module.generate(algorithm);
                let (kid, jwk) = made.map_err(|source| KeyError::NotMade { algorithm, source })?;
                (kid, jwk, PrivateKey::Pkcs11 { token: module.label().to_owned() })
            }
            None => self.generate_sealed(algorithm)?,
        };
        let (since, rotation_asked_at, created_at) = (now, None, now);
        Ok(StoredKey { kid, algorithm, state, since, rotation_asked_at, jwk, private, created_at })
    }

    fn generate_sealed(&self, algorithm: Algorithm) -> Result<(String, Jwk, PrivateKey), KeyError> {
        let made = || {
            let pkcs8 = generate_pkcs8(algorithm)?;
            let (kid, jwk) = Private::parse(algorithm, &pkcs8)?.public()?;
            Some((pkcs8, kid, jwk))
        };
        let (pkcs8, kid, jwk) = made().ok_or(KeyError::Generate(algorithm))?;
        let private = self.seal(&kid, algorithm, &pkcs8)?;
        Ok((kid, jwk, private))
    }

    /// Opens a stored key for signing.
    pub fn open(&self, key: &StoredKey) -> Result<Arc<dyn Signer>, KeyError> {
        let StoredKey { kid, algorithm, .. } = key;
        match &key.private {
            PrivateKey::Sealed(sealed) => {
                let pkcs8 = self.unseal(kid, *algorithm, sealed)?;
                // The id says which public key it belongs to.
                let private = Private::parse(*algorithm, &pkcs8)
                    .filter(|private| private.public().is_some_and(|(found, _)| found == *kid));
                let malformed = || KeyError::Malformed { kid: kid.clone(), algorithm: *algorithm };
                Ok(Arc::new(MemorySigner::new(kid, private.ok_or_else(malformed)?)))
            }
            PrivateKey::Pkcs11 { token } => self
                .module(kid, token)?
                .signer(kid, *algorithm, &key.jwk)
                .map_err(|source| KeyError::Module { kid: kid.clone(), source }),
        }
    }

    /// The same private key sealed under the current key-encryption key, if it is sealed under another.
    pub fn reseal(&self, key: &StoredKey) -> Result<Option<PrivateKey>, KeyError> {
        match &key.private {
            PrivateKey::Sealed(sealed) if sealed_under(sealed) != Some(self.0.current.id()) => {
                let pkcs8 = self.unseal(&key.kid, key.algorithm, sealed)?;
                self.seal(&key.kid, key.algorithm, &pkcs8).map(Some)
            }
            PrivateKey::Sealed(_) | PrivateKey::Pkcs11 { .. } => Ok(None),
        }
    }

    /// Gives up the private key of a stored key that is not used any more, or never was: one in a PKCS #11 token is
    /// deleted there. Nothing is to be done for the others, which are gone with their row.
    pub fn discard(&self, key: &StoredKey) -> Result<(), KeyError> {
        match &key.private {
            PrivateKey::Sealed(_) => Ok(()),
            PrivateKey::Pkcs11 { token } => self
                .module(&key.kid, token)?
                .destroy(&key.kid)
                .map_err(|source| KeyError::Module { kid: key.kid.clone(), source }),
        }
    }

    /// The module, if it is the one that has the token of that label.
    fn module(&self, kid: &str, token: &str) -> Result<&Module, KeyError> {
        let module = self.0.module.as_ref().filter(|module| module.label() == token);
        module.ok_or_else(|| KeyError::NoModule { kid: kid.to_owned(), token: token.to_owned() })
    }

    #[cfg(test)]
    pub(crate) fn pkcs8(&self, key: &StoredKey) -> Zeroizing<Vec<u8>> {
        match &key.private {
            PrivateKey::Sealed(sealed) => self.unseal(&key.kid, key.algorithm, sealed).unwrap(),
            PrivateKey::Pkcs11 { .. } => panic!("it is not here"),
        }
    }

    fn seal(&self, kid: &str, algorithm: Algorithm, pkcs8: &[u8]) -> Result<PrivateKey, KeyError> {
        let sealed = self.0.current.seal(kid, algorithm, pkcs8);
        sealed.map(PrivateKey::Sealed).map_err(|source| KeyError::Sealed { kid: kid.to_owned(), source })
    }

    fn unseal(&self, kid: &str, algorithm: Algorithm, sealed: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let open = || {
            let id = sealed_under(sealed).ok_or(SealError::Malformed)?;
            let kek = [&self.0.current].into_iter().chain(&self.0.old).find(|kek| kek.id() == id);
            let kek = kek.ok_or_else(|| SealError::Missing { kek: id.to_owned() })?;
            kek.open(kid, algorithm, sealed)
        };
        open().map_err(|source| KeyError::Sealed { kid: kid.to_owned(), source })
    }
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault")
            .field("current", &self.0.current)
            .field("old", &self.0.old)
            .field("algorithm", &self.0.algorithm)
            .field("module", &self.0.module)
            .finish()
    }
}

#[cfg(test)]
mod tests;
