//! A token of SoftHSM, for an issuer whose keys are in one.

use std::{
    ffi::OsString,
    fs,
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::error::{BenchError, refused};

/// The environment variable that names SoftHSM's configuration.
const CONFIGURATION: &str = "SOFTHSM2_CONF";
const LABEL: &str = "bench";
const PIN: &str = "bench-pin";

/// A token that is ready to be logged in to.
pub(crate) struct Token {
    module: PathBuf,
    configuration: PathBuf,
    pin: PathBuf,
}

impl Token {
    /// Makes one in `folder`.
    pub(crate) fn make(module: &Path, folder: &Path) -> Result<Self, BenchError> {
        let write = |path: &Path, text: &str| {
            let mut file = fs::OpenOptions::new();
            let file = file.write(true).create_new(true).mode(0o600).open(path);
            let written = file.and_then(|mut file| std::io::Write::write_all(&mut file, text.as_bytes()));
            written.map_err(refused(format!("write {}", path.display())))
        };
        let token = Self {
            module: module.to_owned(),
            configuration: folder.join("softhsm2.conf"),
            pin: folder.join("pin"),
        };
        let tokens = folder.join("tokens");
        fs::create_dir(&tokens).map_err(refused(format!("create {}", tokens.display())))?;
        write(
            &token.configuration,
            &format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display()),
        )?;
        write(&token.pin, PIN)?;
        let output = Command::new("softhsm2-util")
            .args(["--init-token", "--free", "--label", LABEL, "--so-pin", PIN, "--pin", PIN])
            .envs(token.environment())
            .stdin(Stdio::null())
            .output()
            .map_err(refused("run softhsm2-util"))?;
        if output.status.success() {
            Ok(token)
        } else {
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            Err(BenchError::Said { command: "init in SoftHSM".to_owned(), said })
        }
    }

    /// What a process needs in its environment to find the token.
    pub(crate) fn environment(&self) -> [(&'static str, OsString); 1] {
        [(CONFIGURATION, self.configuration.clone().into_os_string())]
    }

    /// What `tessera init` gets.
    pub(crate) fn arguments(&self) -> [String; 6] {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        [
            "--pkcs11-module",
            &text(&self.module),
            "--pkcs11-token",
            LABEL,
            "--pkcs11-pin-file",
            &text(&self.pin),
        ]
        .map(str::to_owned)
    }
}
