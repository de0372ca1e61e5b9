//! Listeners in a file that Envoy watches, to be exchanged while it runs.

use std::{fs, io, path::PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::bootstrap::{loopback, typed};

/// The file, in a folder of its own that goes with it.
#[derive(Debug)]
pub struct ListenerFile {
    folder: TempDir,
    version: u64,
}

impl ListenerFile {
    /// A file with these listeners.
    pub fn with(listeners: &[Value]) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("tessera-listeners-").tempdir()?;
        let mut file = Self { folder, version: 0 };
        file.replace(listeners)?;
        Ok(file)
    }

    /// A whole configuration whose listeners are those in the file.
    #[must_use]
    pub fn bootstrap(&self, clusters: &[Value]) -> Value {
        json!({
            "node": { "id": "test", "cluster": "test" },
            "admin": { "address": loopback(0) },
            "static_resources": { "clusters": clusters },
            "dynamic_resources": { "lds_config": { "path_config_source": { "path": self.path() } } },
        })
    }

    /// Puts other listeners in the place of those before. Envoy sees it soon.
    pub fn replace(&mut self, listeners: &[Value]) -> io::Result<()> {
        self.version += 1;
        let listeners = listeners.iter().cloned();
        let listeners = listeners.map(|listener| typed("envoy.config.listener.v3.Listener", listener));
        let file = json!({
            "version_info": self.version.to_string(),
            "resources": listeners.collect::<Vec<Value>>(),
        });
        // Envoy looks when a file is moved to the place, not when it is written there.
        let fresh = self.folder.path().join("fresh.json");
        fs::write(&fresh, file.to_string())?;
        fs::rename(fresh, self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("listeners.json")
    }
}
