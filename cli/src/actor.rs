//! The one who runs a command, for the audit record.

use std::env;

use tessera_issuer::domain::Actor;

/// The user as the environment names them.
pub(super) fn actor() -> Actor {
    let user = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
    Actor::command_line(user.as_deref().unwrap_or("unknown"))
}
