//! The one future that ends a process: SIGTERM from a supervisor or SIGINT from a terminal.

use std::fmt;
use std::io;

use tokio::signal::unix::{SignalKind, signal as listen};

/// Which signal asked the process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: systemd, Kubernetes and `kill` send it.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        })
    }
}

/// Starts to listen for SIGTERM and SIGINT, and resolves with the first that arrives.
///
/// The handlers are in place when this returns, not when the future is first polled: a signal that arrives while
/// the process is still starting is kept. From then on neither signal kills the process by itself.
///
/// Must be called within a tokio runtime. Fails if the operating system refuses the handler.
pub fn signal() -> io::Result<impl Future<Output = Signal> + Send + 'static> {
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => Signal::Terminate,
            _ = interrupt.recv() => Signal::Interrupt,
        }
    })
}

#[cfg(test)]
mod tests {
    use std::process::{Command, id};

    use super::*;

    #[tokio::test]
    async fn signals_are_told_apart_and_kept_while_nobody_waits() {
        for (name, expected) in [("-TERM", Signal::Terminate), ("-INT", Signal::Interrupt)] {
            let stopped = signal().unwrap();
            assert!(Command::new("kill").args([name, &id().to_string()]).status().unwrap().success());
            assert_eq!(stopped.await, expected);
        }
    }
}
