//! Envoy's own arithmetic, as far as it proves itself.

mod known_answers;

use std::{fmt, sync::OnceLock};

use serde::Deserialize;
use tessera_verifier::{Algorithm, Backend, HostCrypto, SignatureInput};

/// Says whether a signature is right; nothing, if it could not tell.
pub(crate) type VerifySignature = fn(&SignatureInput<'_>) -> Option<bool>;

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

/// The algorithms for which Envoy is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lent(&'static [Algorithm]);

impl Crypto {
    /// What Envoy lends, and is asked for.
    pub(crate) fn lent(self, verify: VerifySignature) -> Lent {
        /// A worker asks its Envoy once.
        static PROVEN: OnceLock<Vec<Algorithm>> = OnceLock::new();
        match self {
            Self::Auto => Lent(PROVEN.get_or_init(|| proven(verify))),
            Self::Wasm => Lent(&[]),
        }
    }
}

impl Lent {
    pub(crate) fn backend(self, verify: VerifySignature) -> Backend {
        match self {
            Self([]) => Backend::Portable,
            Self(algorithms) => Backend::Host(HostCrypto { algorithms, verify }),
        }
    }
}

impl fmt::Display for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(algorithms) = self;
        let lent: Vec<&str> = algorithms.iter().map(|algorithm| algorithm.name()).collect();
        match lent.as_slice() {
            [] => write!(f, "every signature is verified in the sandbox"),
            lent => write!(f, "Envoy lends its cryptography for {}", lent.join(", ")),
        }
    }
}

/// The algorithms for which a check of signatures gives the known answers.
fn proven(verify: VerifySignature) -> Vec<Algorithm> {
    let answers = known_answers::all();
    let right = |known: &&known_answers::Known| {
        // A function that calls everything good would be worse than none.
        verify(&known.good()) == Some(true) && known.bad().iter().all(|bad| verify(bad) == Some(false))
    };
    answers.iter().filter(right).map(|known| known.algorithm).collect()
}

#[cfg(test)]
mod tests;
