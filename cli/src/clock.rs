//! The time of this machine.

use std::time::SystemTime;

use tessera_issuer::domain::UnixTime;

pub(crate) fn now() -> UnixTime {
    SystemTime::now().into()
}
