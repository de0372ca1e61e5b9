//! Signing keys in use: sealed at rest, parsed once, behind a seam that a hardware module can take.
//!
//! [`KeyEncryptionKey`] seals and opens what the store keeps; [`generate`] makes a new key; a [`Keyring`] holds
//! the key that signs, parsed, and all keys that are published.

mod kek;
mod keyring;
mod secret_file;
mod signer;

pub use kek::{KeyEncryptionKey, SealError};
pub use keyring::{Keyring, KeyringError, PublishedKeys};
pub use secret_file::{SecretFileError, create_pepper, load_pepper};
pub use signer::{KeyError, Signer, SigningError, generate, open, sign_jwt, sign_token};
