//! A token of SoftHSM, in a folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::stage::{Stage, code, stderr};

/// Names the module's library, where it is not in one of the usual places.
const MODULE: &str = "TESSERA_SOFTHSM";
/// Where Debian, Fedora and Homebrew have it.
const USUAL: [&str; 4] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
];
pub(crate) const CONFIGURATION: &str = "SOFTHSM2_CONF";
pub(crate) const LABEL: &str = "tessera test";
pub(crate) const PIN: &str = "648219";

/// Where the module is.
pub(crate) fn module() -> PathBuf {
    let usual = || USUAL.iter().map(PathBuf::from).find(|path| path.exists());
    std::env::var_os(MODULE)
        .map(PathBuf::from)
        .or_else(usual)
        .expect("SoftHSM is installed (Debian: softhsm2)")
}

/// The token's folder is that of an issuer.
pub(crate) struct Token<'a> {
    stage: &'a Stage,
}

impl<'a> Token<'a> {
    pub(crate) fn new(stage: &'a Stage) -> Self {
        std::fs::create_dir_all(stage.path("../tokens")).unwrap();
        let tokens = stage.path("../tokens");
        let configuration = format!("directories.tokendir = {}\nlog.level = ERROR\n", tokens.display());
        let token = Self { stage };
        std::fs::write(token.configuration(), configuration).unwrap();
        let mut command = token.environment(Command::new("softhsm2-util"));
        command.args(["--init-token", "--free", "--label", LABEL, "--so-pin", "so-secret", "--pin", PIN]);
        let made = command.output().unwrap();
        assert!(made.status.success(), "{}", stderr(&made));
        token.write_pin(PIN);
        token
    }

    pub(crate) fn configuration(&self) -> PathBuf {
        self.stage.path("../softhsm2.conf")
    }

    pub(crate) fn pin_file(&self) -> PathBuf {
        self.stage.path("../pin")
    }

    pub(crate) fn write_pin(&self, pin: &str) {
        write_private(&self.pin_file(), &format!("{pin}\n"));
    }

    /// A command that finds the token.
    pub(crate) fn environment(&self, mut command: Command) -> Command {
        command.env(CONFIGURATION, self.configuration());
        command
    }

    /// What `tessera init` gets.
    pub(crate) fn arguments(&self) -> [String; 6] {
        let (module, pin) = (module(), self.pin_file());
        [
            "--pkcs11-module",
            module.to_str().unwrap(),
            "--pkcs11-token",
            LABEL,
            "--pkcs11-pin-file",
            pin.to_str().unwrap(),
        ]
        .map(str::to_owned)
    }

    /// OpenSC's view of the token.
    pub(crate) fn tool(&self, arguments: &[&str]) -> Output {
        let mut command = self.environment(Command::new("pkcs11-tool"));
        command.arg("--module").arg(module()).args(["--token-label", LABEL, "--login", "--pin", PIN]);
        command.args(arguments).output().unwrap()
    }

    /// The private keys as OpenSC lists them: label, id, usage and access of each.
    pub(crate) fn private_keys(&self) -> Vec<[String; 4]> {
        let output = self.tool(&["--list-objects", "--type", "privkey"]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        let text = String::from_utf8(output.stdout).unwrap();
        let member = |object: &str, name: &str| {
            let line = object.lines().find_map(|line| line.trim().strip_prefix(name));
            line.unwrap_or_default().trim_start_matches(':').trim().to_owned()
        };
        text.split("Private Key Object")
            .skip(1)
            .map(|object| ["label", "ID", "Usage", "Access"].map(|name| member(object, name)))
            .collect()
    }
}

fn write_private(path: &Path, text: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}
