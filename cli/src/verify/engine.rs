//! The verifiers to choose from: the library in this program, or the component under wasmtime.

use std::path::PathBuf;

use tessera_host::Component;
use tessera_verifier::{Backend, Problem};

use super::judge::Judge;
use super::{component, native};
use crate::failure::Failure;

/// Who judges.
pub(super) enum Engine {
    Native(Backend),
    Component(Box<Component>),
}

impl Engine {
    /// The component in a file, or the usual one.
    pub(super) fn component(file: Option<PathBuf>) -> Result<Self, Failure> {
        component::find(file).map(Box::new).map(Self::Component)
    }

    /// Loads a policy, or gives every problem of it.
    pub(super) fn load(&self, policy: &str) -> Result<Box<dyn Judge>, Vec<Problem>> {
        match self {
            Self::Native(backend) => Ok(Box::new(native::load(policy, *backend)?)),
            Self::Component(component) => Ok(Box::new(component::load(component, policy)?)),
        }
    }
}
