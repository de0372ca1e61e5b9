//! Commands that have processes running side by side: they end with the command, however that ends.

use std::future;

use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;

/// Runs what is asynchronous. A signal to stop drops it, and with it the processes that it holds and their folders.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|source| Failure::Machine {
        doing: "start threads".to_owned(),
        remedy: "ulimit -u   # how many processes may you have?".to_owned(),
        source,
    })?;
    runtime.block_on(work)
}

/// The same work, unless a signal to stop comes first: that is this failure.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = Result<T, Failure>>,
    interrupted: impl FnOnce() -> Failure,
) -> Result<T, Failure> {
    tokio::select! {
        done = work => done,
        () = stop_signal() => Err(interrupted()),
    }
}

/// Ctrl-C, or the signal that ends services. Where neither can be listened for, there is none to come.
pub(crate) async fn stop_signal() {
    let Ok(mut terminate) = signal(SignalKind::terminate()) else { return future::pending().await };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
    }
}
