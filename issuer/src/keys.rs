//! Signing keys in use: kept safe at rest, opened once, behind a seam that a hardware module can take.
//!
//! A [`Vault`] makes keys and opens what the store keeps, which is sealed under a [`KeyEncryptionKey`]; a [`Keyring`]
//! holds the keys that sign, opened, and all keys that are published; [`sign_token`] and [`sign_jwt`] sign with one.

mod kek;
mod keyring;
mod memory;
mod pkcs11;
mod public;
mod secret_file;
mod secret_source;
mod signer;
mod vault;

pub use kek::{KeyEncryptionKey, SealError};
pub use keyring::{Keyring, KeyringError, PublishedKeys};
pub use pkcs11::{ModuleError, Pkcs11Options, TokenChoice};
pub use secret_file::{SecretFileError, create_pepper, load_pepper};
pub use secret_source::{CommandError, SecretError, SecretSource};
pub use signer::{Signature, Signer, SigningError, sign_jwt, sign_token};
pub use vault::{KeyError, Vault, VaultError, VaultOptions};
