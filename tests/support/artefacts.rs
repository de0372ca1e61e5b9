//! Where the things are that the tests and the demo run.

use std::{
    env,
    path::{Path, PathBuf},
};

/// What `cargo xtask build` made. Having one means that what a scene is made of is there.
#[derive(Debug, Clone)]
pub struct Artefacts {
    folder: PathBuf,
    tessera: PathBuf,
    proxy: PathBuf,
    component: PathBuf,
}

/// An artefact that is not there, and how to get it.
#[derive(Debug, thiserror::Error)]
#[error("{} is missing; build it with: {remedy}", path.display())]
pub struct MissingArtefact {
    path: PathBuf,
    remedy: &'static str,
}

impl Artefacts {
    /// Names the folder that the artefacts are in; without it, dist/ of this workspace.
    pub const FOLDER: &'static str = "TESSERA_DIST";

    /// Names the component that cargo-component built.
    pub const BY_CARGO_COMPONENT: &'static str = "TESSERA_CARGO_COMPONENT_WASM";

    /// Names the component that misbehaves on request.
    pub const FAULTY: &'static str = "TESSERA_FAULTY_WASM";

    /// Names the proxy-wasm plug-in that misbehaves on request.
    pub const FAULTY_PLUGIN: &'static str = "TESSERA_FAULTY_PLUGIN_WASM";

    /// Names the component that stands behind the middleware.
    pub const BACKEND: &'static str = "TESSERA_BACKEND_WASM";

    /// Names the binary of a real Wasmtime.
    pub const WASMTIME: &'static str = "TESSERA_WASMTIME";

    /// Names the binary of a real Envoy.
    pub const ENVOY_SERVER: &'static str = "TESSERA_ENVOY_SERVER";

    /// Names a Python that has what tests/judges/requirements.txt lists.
    pub const PYTHON: &'static str = "TESSERA_PYTHON";

    /// The artefacts in [`Artefacts::FOLDER`].
    pub fn find() -> Result<Self, MissingArtefact> {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(""));
        Self::within(&env::var_os(Self::FOLDER).map_or_else(|| workspace.join("dist"), PathBuf::from))
    }

    /// The artefacts in a folder.
    pub fn within(folder: &Path) -> Result<Self, MissingArtefact> {
        let file = |name: &str| present(folder.join(name), "cargo xtask build");
        Ok(Self {
            tessera: file("tessera")?,
            proxy: file("tessera-proxy")?,
            component: file("tessera-verifier.wasm")?,
            folder: folder.to_owned(),
        })
    }

    /// What one of the variables above names, [`Artefacts::FOLDER`] aside: `cargo xtask test` sees to it that it is
    /// there, and names it in the environment.
    pub fn named_by(variable: &str) -> Result<PathBuf, MissingArtefact> {
        let path = env::var_os(variable).unwrap_or_else(|| variable.into());
        present(PathBuf::from(path), "cargo xtask test")
    }

    /// The issuer's binary.
    #[must_use]
    pub fn tessera(&self) -> &Path {
        &self.tessera
    }

    /// The reverse proxy's binary.
    #[must_use]
    pub fn proxy(&self) -> &Path {
        &self.proxy
    }

    /// The verifier for every host.
    #[must_use]
    pub fn component(&self) -> &Path {
        &self.component
    }

    /// The verifier for hosts with wide arithmetic.
    pub fn wide_component(&self) -> Result<PathBuf, MissingArtefact> {
        self.other("tessera-verifier-wide.wasm")
    }

    /// The verifier for Envoy.
    pub fn envoy_filter(&self) -> Result<PathBuf, MissingArtefact> {
        self.other("tessera-envoy.wasm")
    }

    /// The verifier for hosts of wasi:http.
    pub fn middleware(&self) -> Result<PathBuf, MissingArtefact> {
        self.other("tessera-middleware.wasm")
    }

    /// An artefact that no scene needs, so that the demo does not wait for it.
    fn other(&self, name: &str) -> Result<PathBuf, MissingArtefact> {
        present(self.folder.join(name), "cargo xtask build")
    }
}

fn present(path: PathBuf, remedy: &'static str) -> Result<PathBuf, MissingArtefact> {
    if path.is_file() { Ok(path) } else { Err(MissingArtefact { path, remedy }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_artefact_is_named_with_its_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Artefacts::within(folder.path()).unwrap_err().to_string();
        assert!(missing.contains("tessera is missing; build it with: cargo xtask build"), "{missing}");
    }
}
