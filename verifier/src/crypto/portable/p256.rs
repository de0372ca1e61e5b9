//! Keys on P-256.

mod field;
mod point;
mod table;

use alloc::sync::Arc;

use p256::{
    FieldBytes, NistP256, Scalar, U256,
    ecdsa::{Signature, VerifyingKey, signature::hazmat::PrehashVerifier as _},
    elliptic_curve::{
        Curve as _,
        bigint::ArrayEncoding as _,
        ops::{Invert as _, Reduce as _},
    },
};
use sha2::{Digest as _, Sha256};

use self::field::Element;
use super::{
    super::{InvalidKey, WrongSignature},
    tables::{KeyTables, Tables},
};

pub(super) use table::Table;

pub(crate) struct P256Key {
    key: VerifyingKey,
    tables: KeyTables<Prepared>,
}

/// What makes verification quick: the multiples of the two points of which every signature is checked to
/// be a sum.
struct Prepared {
    generator: Arc<Table>,
    key: Table,
}

/// p − n: an r below it stands for an x of r as well as one of r + n.
const P_MINUS_N: U256 = U256::from_be_hex("000000000000000000000000000000004319055358e8617b0c46353d039cdaae");

impl P256Key {
    /// A key from affine coordinates, big-endian; the point is checked to lie on the curve.
    pub(crate) fn new(x: &[u8; 32], y: &[u8; 32]) -> Result<Self, InvalidKey> {
        let point = p256::Sec1Point::from_affine_coordinates(&(*x).into(), &(*y).into(), false);
        let key = VerifyingKey::from_sec1_point(&point).map_err(|_| InvalidKey)?;
        Ok(Self { key, tables: KeyTables::new() })
    }

    /// The signature is r ‖ s (RFC 7518 §3.4), both in 1..n; a high s is as good as a low one.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), WrongSignature> {
        let signature = Signature::from_slice(signature).map_err(|_| WrongSignature)?;
        self.verify_digest(&Sha256::digest(message), &signature)
    }

    fn verify_digest(&self, digest: &FieldBytes, signature: &Signature) -> Result<(), WrongSignature> {
        match self.tables.get().and_then(|prepared| prepared.verifies(digest, signature)) {
            Some(true) => Ok(()),
            Some(false) => Err(WrongSignature),
            // The other way has no exceptions.
            None => self.key.verify_prehash(digest, signature).map_err(|_| WrongSignature),
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
        let generator = tables.p256()?;
        Some(Prepared { generator, key: Table::new(self.key.as_affine(), tables)? })
    }
}

impl Prepared {
    /// The equation of ECDSA (SEC 1 §4.1.4), or nothing where these additions do not give the sum.
    fn verifies(&self, digest: &FieldBytes, signature: &Signature) -> Option<bool> {
        let (r, s) = signature.split_scalars();
        let inverse = *s.invert_vartime();
        let sum = self.generator.add_multiple(None, &(Scalar::reduce(digest) * inverse));
        let sum = self.key.add_multiple(sum, &(*r * inverse))?;
        if sum.is_no_result() {
            return None;
        }
        let r = U256::from(*r);
        let has_x = |x: U256| sum.has_x(&Element::from_bytes(&x.to_be_byte_array().into()));
        Some(has_x(r) || r < P_MINUS_N && has_x(r.wrapping_add(&NistP256::ORDER)))
    }
}

#[cfg(test)]
mod tests;
