//! Keys on edwards25519.

use ed25519_dalek::{Signature, VerifyingKey};

use super::{
    super::{InvalidKey, WrongSignature},
    Tables,
};

#[derive(Clone)]
pub(crate) struct Ed25519Key(VerifyingKey);

impl Ed25519Key {
    /// A key from its encoding, which has to be the canonical one (RFC 8032 §5.1.3); points of small
    /// order are no keys.
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey)?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        if canonical && !key.is_weak() { Ok(Self(key)) } else { Err(InvalidKey) }
    }

    /// The strict equation: S below the group order, and no R of small order.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        self.0.verify_strict(message, &signature).map_err(|_| WrongSignature)
    }

    #[expect(clippy::unused_self, reason = "there are no tables for this kind of key yet")]
    pub(crate) fn prepare(&mut self, _tables: &mut Tables) {}
}
