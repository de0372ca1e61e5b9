//! What an RSA signature encodes: RFC 8017 §9.

use alloc::vec::Vec;

use sha2::{Digest, Sha256, Sha384, Sha512, digest::Output};

/// A hash function that signatures of ours use.
pub(super) trait Hash: Digest {
    /// What stands before the hash in a DER `DigestInfo` (RFC 8017 §9.2, note 1).
    const DIGEST_INFO: [u8; 19];
}

impl Hash for Sha256 {
    const DIGEST_INFO: [u8; 19] = digest_info(1, 32);
}

impl Hash for Sha384 {
    const DIGEST_INFO: [u8; 19] = digest_info(2, 48);
}

impl Hash for Sha512 {
    const DIGEST_INFO: [u8; 19] = digest_info(3, 64);
}

/// `SEQUENCE { SEQUENCE { OID 2.16.840.1.101.3.4.2.hash, NULL }, OCTET STRING of that length }`, up to the
/// octets.
const fn digest_info(hash: u8, length: u8) -> [u8; 19] {
    [0x30, 17 + length, 0x30, 13, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, hash, 0x05, 0, 0x04, length]
}

/// Whether this is the EMSA-PKCS1-v1_5 encoding of a message: `00 01 FF … FF 00 DigestInfo hash`. There is
/// one for each length. It is built and compared as a whole; nothing of what came is taken apart.
pub(super) fn is_pkcs1<H: Hash>(encoded: &[u8], message: &[u8]) -> bool {
    let hash = H::digest(message);
    let tail = [&[0], &H::DIGEST_INFO[..], &hash].concat();
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
pub(super) fn is_pss<H: Hash>(encoded: &mut [u8], modulus_bits: usize, message: &[u8]) -> bool {
    // The encoding has one bit less than the modulus; where that is a byte less, the first is zero.
    let bits = modulus_bits.saturating_sub(1);
    let Some(start) = encoded.len().checked_sub(bits.div_ceil(8)) else { return false };
    let (head, encoded) = encoded.split_at_mut(start);
    if head.iter().any(|byte| *byte != 0) {
        return false;
    }
    let length = <H as Digest>::output_size();
    let Some((0xbc, encoded)) = encoded.split_last_mut().map(|(last, rest)| (*last, rest)) else {
        return false;
    };
    let Some((block, hash)) = encoded.len().checked_sub(length).map(|at| encoded.split_at_mut(at)) else {
        return false;
    };
    // The block is `00 … 00 01 salt` behind a mask, but for the bits that the encoding does not have.
    let unused = 8 * bits.div_ceil(8) - bits;
    if block.first().is_none_or(|first| first & !(0xff >> unused) != 0) {
        return false;
    }
    unmask::<H>(block, hash);
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
    let expected =
        H::new().chain_update([0; 8]).chain_update(H::digest(message)).chain_update(salt).finalize();
    expected[..] == *hash
}

/// Takes MGF1's mask off (RFC 8017 §B.2.1).
fn unmask<H: Hash>(block: &mut [u8], seed: &[u8]) {
    for (counter, chunk) in (0_u32..).zip(block.chunks_mut(<H as Digest>::output_size())) {
        let mask: Output<H> = H::new().chain_update(seed).chain_update(counter.to_be_bytes()).finalize();
        for (byte, mask) in chunk.iter_mut().zip(mask) {
            *byte ^= mask;
        }
    }
}
