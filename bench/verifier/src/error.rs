//! Why a measurement could not be taken.

use std::{io, path::PathBuf};

use crate::material::MaterialError;

/// Why a measurement could not be taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A component is not where it should be.
    #[error("{} cannot be read", .path.display())]
    Artefact {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Keys or tokens could not be made.
    #[error("keys and tokens could not be made")]
    Material(#[from] MaterialError),
    /// wasmtime failed, or the component trapped.
    #[error("wasmtime")]
    Wasmtime(#[source] wasmtime::Error),
    /// Our policy is refused.
    #[error("the policy is refused: {0}")]
    Policy(String),
    /// A good token was refused: whatever was measured then, it was not verification.
    #[error("{contender} refused a good token: {reason}")]
    Refused { contender: &'static str, reason: String },
    /// A process that measures itself failed.
    #[error("the process of {peer} failed")]
    Peer {
        peer: &'static str,
        #[source]
        source: io::Error,
    },
    /// It said something that is no figure.
    #[error("the process of {peer} said `{said}`")]
    PeerSaid { peer: &'static str, said: String },
}
