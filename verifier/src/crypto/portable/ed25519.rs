//! Keys on edwards25519.

use alloc::{boxed::Box, sync::Arc};

use curve25519_dalek::{
    EdwardsPoint, Scalar, constants::ED25519_BASEPOINT_POINT, edwards::EdwardsBasepointTableRadix16,
    traits::BasepointTable as _,
};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest as _, Sha512};

use super::{
    super::{InvalidKey, WrongSignature},
    tables::{KeyTables, Reservation, Tables},
};
use crate::limits;

pub(crate) struct Ed25519Key {
    key: VerifyingKey,
    tables: KeyTables<Prepared>,
}

/// What makes verification quick: multiples of the two points of which R is checked to be a sum.
struct Prepared {
    generator: Arc<Table>,
    /// Of the opposite of the key's point.
    opposite: Table,
}

/// Multiples of a point, made once. The radix is the quickest: larger tables are read through from end
/// to end for every digit, as their reader keeps it a secret which digit it is.
pub(super) struct Table {
    multiples: Box<EdwardsBasepointTableRadix16>,
    _memory: Reservation,
}

impl Ed25519Key {
    /// A key from its encoding, which has to be the canonical one (RFC 8032 §5.1.3); points of small
    /// order are no keys.
    pub(crate) fn new(bytes: &[u8; 32]) -> Result<Self, InvalidKey> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| InvalidKey)?;
        let canonical = key.to_edwards().compress().as_bytes() == bytes;
        if canonical && !key.is_weak() { Ok(Self { key, tables: KeyTables::new() }) } else { Err(InvalidKey) }
    }

    /// The strict equation: S below the group order, and no R of small order.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        match self.tables.get() {
            Some(prepared) => prepared.verify(&self.key, message, &signature),
            None => self.key.verify_strict(message, &signature).map_err(|_| WrongSignature),
        }
    }

    /// Notes a good signature: after some of them, the key is worth its tables.
    pub(super) fn verified(&self, tables: &Tables) {
        self.tables.verified(|| self.prepared(tables));
    }

    /// Makes the tables now, if the budget has room for them.
    #[cfg(any(test, feature = "fuzzing"))]
    pub(crate) fn prepare(&self, tables: &Tables) {
        self.tables.make(|| self.prepared(tables));
    }

    /// Whether there are tables.
    pub(super) fn is_prepared(&self) -> bool {
        self.tables.get().is_some()
    }

    fn prepared(&self, tables: &Tables) -> Option<Prepared> {
        let generator = tables.ed25519()?;
        Some(Prepared { generator, opposite: Table::new(&-self.key.to_edwards(), tables)? })
    }
}

impl Prepared {
    /// R = S · B − k · A (RFC 8032 §5.1.7), compared as bytes: no other encoding of R, and no bytes that
    /// encode no point, can be what the sum encodes to. So R need not be decoded, and whether it is of
    /// small order can be asked of the sum.
    fn verify(
        &self,
        key: &VerifyingKey,
        message: &[u8],
        signature: &Signature,
    ) -> Result<(), WrongSignature> {
        let s = Option::from(Scalar::from_canonical_bytes(*signature.s_bytes())).ok_or(WrongSignature)?;
        let k = Sha512::new().chain_update(signature.r_bytes()).chain_update(key.as_bytes());
        let k = Scalar::from_bytes_mod_order_wide(&k.chain_update(message).finalize().into());
        let sum = self.generator.multiple(&s) + self.opposite.multiple(&k);
        let right = sum.compress().as_bytes() == signature.r_bytes() && !sum.is_small_order();
        if right { Ok(()) } else { Err(WrongSignature) }
    }
}

impl Table {
    pub(super) const BYTES: usize = size_of::<EdwardsBasepointTableRadix16>();

    /// The table of a point, unless the budget is used up.
    fn new(point: &EdwardsPoint, tables: &Tables) -> Option<Self> {
        const { assert!(Self::BYTES <= limits::KEY_TABLE_BYTES) }
        let memory = tables.reserve(Self::BYTES)?;
        Some(Self { multiples: Box::new(EdwardsBasepointTableRadix16::create(point)), _memory: memory })
    }

    pub(super) fn of_generator(tables: &Tables) -> Option<Self> {
        Self::new(&ED25519_BASEPOINT_POINT, tables)
    }

    fn multiple(&self, scalar: &Scalar) -> EdwardsPoint {
        self.multiples.mul_base(scalar)
    }
}

#[cfg(test)]
mod tests;
