//! The time that an Envoy takes it to be.

use std::{
    ffi::OsString,
    fs::{self, File},
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use tokio::process::Command;

/// What stands in for `clock_gettime`. It is compiled when it is needed: what is loaded into a process is of the
/// machine's own kind.
const SOURCE: &str = include_str!("clock.c");

/// A wall clock that is set by hand. Envoy's timers are not its own.
#[derive(Debug)]
pub struct Clock {
    file: File,
    path: PathBuf,
    library: PathBuf,
}

impl Clock {
    /// A clock in a folder, for an Envoy that starts with [`Clock::environment`].
    pub async fn new(folder: &Path, now: u64) -> io::Result<Self> {
        let (source, library) = (folder.join("clock.c"), folder.join("clock.so"));
        fs::write(&source, SOURCE)?;
        let compiler = Command::new("cc")
            .args(["-O1", "-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .output()
            .await?;
        if !compiler.status.success() {
            return Err(io::Error::other(String::from_utf8_lossy(&compiler.stderr).into_owned()));
        }
        let path = folder.join("clock");
        let clock = Self { file: File::create(&path)?, path, library };
        clock.set(now)?;
        Ok(clock)
    }

    /// What an Envoy needs to live by this clock.
    #[must_use]
    pub fn environment(&self) -> Vec<(String, OsString)> {
        vec![
            ("LD_PRELOAD".to_owned(), self.library.clone().into_os_string()),
            ("TESSERA_CLOCK".to_owned(), self.path.clone().into_os_string()),
        ]
    }

    /// Sets it, in seconds since 1970.
    pub fn set(&self, now: u64) -> io::Result<()> {
        self.file.write_all_at(&now.to_ne_bytes(), 0)
    }
}
