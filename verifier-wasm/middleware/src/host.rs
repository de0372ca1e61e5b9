//! What the host gives beside HTTP: the policy, the time, and a place for the log.

use std::time::Duration;

use tessera_verifier::{FetchRequest, Timestamp};

use crate::generated::{
    wasi::{
        cli::{environment, stderr},
        clocks::{monotonic_clock, system_clock},
    },
    wit_stream,
};
use crate::{
    fetch::{self, Document, FetchError},
    gate::Surroundings,
};

/// The environment variable with the policy document.
pub(crate) const POLICY: &str = "TESSERA_POLICY";

/// The policy document, where the host set one.
pub(crate) fn policy() -> Option<String> {
    environment::get_environment().into_iter().find_map(|(name, value)| (name == POLICY).then_some(value))
}

/// The time. Before 1970 it is 1970, where no token is valid yet.
pub(crate) fn now() -> Timestamp {
    Timestamp::from_seconds(u64::try_from(system_clock::now().seconds).unwrap_or(0))
}

/// Waits.
pub(crate) async fn sleep(duration: Duration) {
    monotonic_clock::wait_for(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)).await;
}

/// Writes a line to the log and waits until the host took it, so that the line is there before the answer is.
/// Should the host refuse it, nobody can be told.
pub(crate) async fn log(message: &str) {
    let (mut sender, receiver) = wit_stream::new();
    let taken = stderr::write_via_stream(receiver);
    let rest = sender.write_all(format!("tessera: {message}\n").into_bytes()).await;
    drop(sender);
    if rest.is_empty() {
        let _ = taken.await;
    }
}

/// This instance's host.
pub(crate) struct Host;

impl Surroundings for Host {
    fn now(&self) -> Timestamp {
        now()
    }

    async fn sleep(&self, duration: Duration) {
        sleep(duration).await;
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Document, FetchError> {
        fetch::fetch(request).await
    }

    async fn log(&self, line: &str) {
        log(line).await;
    }

    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        wit_bindgen::spawn_local(work);
    }
}
