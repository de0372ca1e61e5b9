//! Envoy's own arithmetic: its foreign function `verify_signature`, as far as it proves itself.

mod known_answers;

use std::{fmt, sync::OnceLock};

use serde::Deserialize;
use tessera_verifier::{Algorithm, Backend, HostCrypto, SignatureInput};

use crate::abi;

/// Who does the arithmetic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Crypto {
    /// Envoy, for what it does and is quicker at.
    #[default]
    Auto,
    /// The sandbox, all of it.
    Wasm,
}

impl Crypto {
    pub(crate) fn backend(self) -> Backend {
        let algorithms = self.lent();
        if algorithms.is_empty() {
            Backend::Portable
        } else {
            Backend::Host(HostCrypto { algorithms, verify })
        }
    }

    /// What Envoy lends, and is asked for.
    fn lent(self) -> &'static [Algorithm] {
        match self {
            Self::Auto => algorithms(),
            Self::Wasm => &[],
        }
    }
}

impl fmt::Display for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lent: Vec<&str> = self.lent().iter().map(|algorithm| algorithm.name()).collect();
        match lent.as_slice() {
            [] => write!(f, "every signature is verified in the sandbox"),
            lent => write!(f, "Envoy lends its cryptography for {}", lent.join(", ")),
        }
    }
}

/// The algorithms for which this Envoy gives the known answers. It is asked once.
fn algorithms() -> &'static [Algorithm] {
    static ALGORITHMS: OnceLock<Vec<Algorithm>> = OnceLock::new();
    ALGORITHMS.get_or_init(|| {
        let answers = known_answers::all();
        let right = |known: &&known_answers::Known| {
            // A function that calls everything good would be worse than none.
            verify(&known.good()) == Some(true) && known.bad().iter().all(|bad| verify(bad) == Some(false))
        };
        answers.iter().filter(right).map(|known| known.algorithm).collect()
    })
}

/// Asks Envoy; nothing, if it could not be asked.
fn verify(signed: &SignatureInput<'_>) -> Option<bool> {
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
    abi::call_foreign("verify_signature", &arguments).ok().map(|answer| answer.starts_with(RESULT_TRUE))
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
