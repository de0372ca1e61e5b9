//! Envoy's check of a signature: its foreign function `verify_signature`.

use tessera_verifier::{Algorithm, SignatureInput};

use super::call_foreign;

/// Asks Envoy; nothing, if it could not be asked.
pub(super) fn verify(signed: &SignatureInput<'_>) -> Option<bool> {
    let hash = match signed.algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => "sha256",
        Algorithm::Rs384 => "sha384",
        Algorithm::Rs512 => "sha512",
        // It has no name for the other schemes.
        _ => return None,
    };
    let signature = signed.native_signature();
    // The message `VerifySignatureArguments` of envoy/source/extensions/common/wasm/ext/verify_signature.proto.
    let fields = [(1, hash.as_bytes()), (2, signed.key), (3, &signature), (4, signed.message)];
    let size: usize = fields.iter().map(|(_, value)| value.len() + FIELD_OVERHEAD).sum();
    let mut arguments = Vec::with_capacity(size);
    for (number, value) in fields {
        arguments.push(number << 3 | LENGTH_DELIMITED);
        put_varint(&mut arguments, value.len());
        arguments.extend_from_slice(value);
    }
    call_foreign("verify_signature", &arguments).ok().map(|answer| answer.starts_with(RESULT_TRUE))
}

/// The field `result` of `VerifySignatureResult`: number 1, a varint, true. A false one is left out.
const RESULT_TRUE: &[u8] = &[1 << 3, 1];

/// The wire type of strings and bytes.
const LENGTH_DELIMITED: u8 = 2;

/// A tag and the longest length of a field.
const FIELD_OVERHEAD: usize = 4;

fn put_varint(buffer: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        buffer.push(0x80 | u8::try_from(number & 0x7f).unwrap_or_default());
        number >>= 7;
    }
    buffer.push(u8::try_from(number).unwrap_or_default());
}
