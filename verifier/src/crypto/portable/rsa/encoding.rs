//! What an RSA signature encodes: RFC 8017 §9.

use alloc::vec::Vec;

use sha2::{Digest, Sha256, Sha384, Sha512};

/// A hash function that signatures of ours use.
#[derive(Clone, Copy)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    /// The bytes of a hash.
    fn length(self) -> u8 {
        match self {
            Hash::Sha256 => 32,
            Hash::Sha384 => 48,
            Hash::Sha512 => 64,
        }
    }

    /// What stands before the hash in a DER `DigestInfo` (RFC 8017 §9.2, note 1): `SEQUENCE { SEQUENCE { OID
    /// 2.16.840.1.101.3.4.2.number, NULL }, OCTET STRING of that length }`, up to the octets.
    fn digest_info(self) -> [u8; 19] {
        let number = match self {
            Hash::Sha256 => 1,
            Hash::Sha384 => 2,
            Hash::Sha512 => 3,
        };
        let length = self.length();
        [
            0x30,
            17 + length,
            0x30,
            13,
            0x06,
            9,
            0x60,
            0x86,
            0x48,
            1,
            0x65,
            3,
            4,
            2,
            number,
            0x05,
            0,
            0x04,
            length,
        ]
    }

    /// The hash of these texts in a row.
    fn of(self, texts: &[&[u8]]) -> Vec<u8> {
        fn of<D: Digest>(texts: &[&[u8]]) -> Vec<u8> {
            texts.iter().fold(D::new(), Digest::chain_update).finalize().to_vec()
        }
        match self {
            Hash::Sha256 => of::<Sha256>(texts),
            Hash::Sha384 => of::<Sha384>(texts),
            Hash::Sha512 => of::<Sha512>(texts),
        }
    }
}

/// Whether this is the EMSA-PKCS1-v1_5 encoding of a message: `00 01 FF … FF 00 DigestInfo hash`. There is
/// one for each length. It is built and compared as a whole; nothing of what came is taken apart.
pub(super) fn is_pkcs1(hash: Hash, encoded: &[u8], message: &[u8]) -> bool {
    let tail = [&[0], &hash.digest_info()[..], &hash.of(&[message])].concat();
    // RFC 8017 §9.2 wants eight octets of padding at least; the smallest modulus leaves room for 170.
    let Some(padding) = encoded.len().checked_sub(2 + tail.len()) else { return false };
    let mut expected = Vec::with_capacity(encoded.len());
    expected.extend([0, 1]);
    expected.resize(2 + padding, 0xff);
    expected.extend(tail);
    expected == encoded
}

/// Whether this is an EMSA-PSS encoding of a message (RFC 8017 §9.1.2), with MGF1, and with a salt as long
/// as the hash; the hash is the same everywhere (RFC 7518 §3.5). The bytes are as many as the modulus has.
pub(super) fn is_pss(hash: Hash, encoded: &mut [u8], modulus_bits: usize, message: &[u8]) -> bool {
    // The encoding has one bit less than the modulus; where that is a byte less, the first is zero.
    let bits = modulus_bits.saturating_sub(1);
    let Some(start) = encoded.len().checked_sub(bits.div_ceil(8)) else { return false };
    let (head, encoded) = encoded.split_at_mut(start);
    if head.iter().any(|byte| *byte != 0) {
        return false;
    }
    let Some((0xbc, encoded)) = encoded.split_last_mut().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    let length = usize::from(hash.length());
    let Some((block, claimed)) = encoded.len().checked_sub(length).map(|at| encoded.split_at_mut(at)) else {
        return false;
    };
    // The block is `00 … 00 01 salt` behind a mask, but for the bits that the encoding does not have.
    let unused = 8 * bits.div_ceil(8) - bits;
    if block.first().is_none_or(|first| first & !(0xff >> unused) != 0) {
        return false;
    }
    unmask(hash, block, claimed);
    if let Some(first) = block.first_mut() {
        *first &= 0xff >> unused;
    }
    let Some((padding, salt)) = block.len().checked_sub(length).map(|at| block.split_at(at)) else {
        return false;
    };
    let Some((1, zeros)) = padding.split_last().map(|(last, rest)| (*last, rest)) else { return false };
    if zeros.iter().any(|byte| *byte != 0) {
        return false;
    }
    hash.of(&[&[0; 8], &hash.of(&[message]), salt]) == *claimed
}

/// Takes MGF1's mask off (RFC 8017 §B.2.1).
fn unmask(hash: Hash, block: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(block.chunks_mut(usize::from(hash.length()))) {
        for (byte, mask) in chunk.iter_mut().zip(hash.of(&[seed, &counter.to_be_bytes()])) {
            *byte ^= mask;
        }
    }
}
