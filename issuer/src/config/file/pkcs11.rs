//! `[pkcs11]`.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::super::secrets::Place;
use super::Wrong;
use crate::keys::{Pkcs11Options, TokenChoice};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pkcs11Table {
    module: Spanned<PathBuf>,
    token: Option<String>,
    serial: Option<String>,
    slot: Option<u64>,
    pin: Place,
    sessions: Option<Spanned<usize>>,
}

impl Pkcs11Table {
    pub(super) fn resolve(self, folder: &Path) -> Result<Pkcs11Options, Wrong> {
        let token = match (self.token, self.serial, self.slot) {
            (Some(label), None, None) => TokenChoice::Label(label),
            (None, Some(serial), None) => TokenChoice::Serial(serial),
            (None, None, Some(slot)) => TokenChoice::Slot(slot),
            _ => {
                let message = "the token is named by one of `token` (its label), `serial` and `slot`";
                return Err(Wrong::at(&self.module, message.to_owned()));
            }
        };
        let sessions = match self.sessions {
            None => Pkcs11Options::DEFAULT_SESSIONS,
            Some(sessions) if (1..=Pkcs11Options::MAX_SESSIONS).contains(sessions.get_ref()) => {
                sessions.into_inner()
            }
            Some(sessions) => {
                let message = format!("`sessions` must be 1 to {}", Pkcs11Options::MAX_SESSIONS);
                return Err(Wrong::at(&sessions, message));
            }
        };
        // A bare name would be looked for where libraries are, whatever is there.
        let module = folder.join(self.module.into_inner());
        Ok(Pkcs11Options { module, token, pin: self.pin.resolve(folder), sessions })
    }
}
