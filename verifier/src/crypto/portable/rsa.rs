//! RSA keys.

use rsa::{BoxedUint, Pkcs1v15Sign, Pss, signature::digest::FixedOutputReset};
use sha2::{Digest, Sha256, Sha384, Sha512, digest::const_oid::AssociatedOid};

use super::super::{InvalidKey, WrongSignature};
use crate::algorithm::Algorithm;

#[derive(Clone)]
pub(crate) struct RsaKey(rsa::PublicKey);

impl RsaKey {
    /// A key from modulus and exponent. Their sizes are the caller's to check.
    pub(crate) fn new(modulus: &[u8], exponent: u32) -> Result<Self, InvalidKey> {
        let modulus = BoxedUint::from_be_slice_vartime(modulus);
        rsa::PublicKey::new(modulus, exponent.into()).map(Self).map_err(|_| InvalidKey)
    }

    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        match algorithm {
            Algorithm::Rs256 => self.pkcs1::<Sha256>(message, signature),
            Algorithm::Rs384 => self.pkcs1::<Sha384>(message, signature),
            Algorithm::Rs512 => self.pkcs1::<Sha512>(message, signature),
            Algorithm::Ps256 => self.pss::<Sha256>(message, signature),
            Algorithm::Ps384 => self.pss::<Sha384>(message, signature),
            Algorithm::Ps512 => self.pss::<Sha512>(message, signature),
            Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa => Err(WrongSignature),
        }
    }

    fn pkcs1<D: Digest + AssociatedOid>(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        let scheme = Pkcs1v15Sign::new::<D>();
        self.0.verify(scheme, &D::digest(message), signature).map_err(|_| WrongSignature)
    }

    fn pss<D: Digest + FixedOutputReset>(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), WrongSignature> {
        self.0.verify(Pss::<D>::new(), &D::digest(message), signature).map_err(|_| WrongSignature)
    }
}
