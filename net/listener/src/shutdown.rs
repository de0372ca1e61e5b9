//! The one future that ends a process: SIGTERM from a supervisor or SIGINT from a terminal.

use std::fmt;
use std::io;

use tokio::signal::unix::{Signal as Stream, SignalKind, signal as listen};
use tracing::{info, warn};

/// Which signal asked the process to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: systemd, Kubernetes and `kill` send it.
    Terminate,
    /// SIGINT: Ctrl-C.
    Interrupt,
}

impl Signal {
    /// The exit code of a process that the signal has ended, as shells have it.
    const fn exit_code(self) -> i32 {
        match self {
            Self::Terminate => 128 + 15,
            Self::Interrupt => 128 + 2,
        }
    }
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
/// the process is still starting is kept. From then on the first of these signals does not kill the process by itself;
/// a second one ends it at once. SIGHUP does nothing: files that can change are read again without being told.
///
/// Must be called within a tokio runtime. Fails if the operating system refuses the handler.
pub fn signal() -> io::Result<impl Future<Output = Signal> + Send + 'static> {
    let mut signals =
        Signals { terminate: listen(SignalKind::terminate())?, interrupt: listen(SignalKind::interrupt())? };
    tokio::spawn(ignore(listen(SignalKind::hangup())?));
    Ok(async move {
        let first = signals.next().await;
        info!(signal = %first, "stopping; a second signal ends at once");
        tokio::spawn(end_at_once(signals));
        first
    })
}

struct Signals {
    terminate: Stream,
    interrupt: Stream,
}

impl Signals {
    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.interrupt.recv() => Signal::Interrupt,
        }
    }
}

#[expect(clippy::exit, reason = "a second signal means: now, whatever is still going on")]
async fn end_at_once(mut signals: Signals) {
    let second = signals.next().await;
    warn!(signal = %second, "ended before everything was finished");
    std::process::exit(second.exit_code());
}

async fn ignore(mut hangup: Stream) {
    while hangup.recv().await.is_some() {
        info!(
            "SIGHUP is ignored: certificates and key sets are read again by themselves, the rest at a restart"
        );
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    const CHILD: &str = "TESSERA_TEST_SIGNALS";

    /// The process that the test below sends signals to; nothing in any other.
    #[tokio::test]
    async fn child() {
        if std::env::var_os(CHILD).is_some() {
            let stopped = signal().unwrap();
            println!("ready");
            println!("{}", stopped.await);
            std::future::pending::<()>().await;
        }
    }

    fn send(child: &Child, name: &str) {
        let arguments = [name, &child.id().to_string()];
        assert!(Command::new("kill").args(arguments).status().unwrap().success());
    }

    #[test]
    fn the_first_signal_is_told_the_second_ends_and_a_hangup_does_nothing() {
        for (first, told, second, code) in
            [("-TERM", "SIGTERM", "-INT", 130), ("-INT", "SIGINT", "-TERM", 143)]
        {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "shutdown::tests::child", "--nocapture"])
                .env(CHILD, "1")
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
            lines.find(|line| line.ends_with("ready")).expect("the child must start");
            send(&child, "-HUP");
            send(&child, first);
            assert_eq!(lines.next().as_deref(), Some(told));
            send(&child, second);
            assert_eq!(child.wait().unwrap().code(), Some(code));
        }
    }
}
