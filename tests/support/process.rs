//! A server as a real process: started, waited for until it is ready, and gone when it is dropped.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
    time::timeout,
};
use url::Url;

/// From the start to the `listening on` line. Creating keys and compiling a component take a second or two on a
/// machine that is busy with other tests; a server that needs longer is stuck.
const READY_WITHIN: Duration = Duration::from_mins(1);

/// From the signal to the end. Servers cut what is still busy after 20 s.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// How much of a server's log goes into a failure message.
const LOG_TAIL_LINES: usize = 20;

/// The line by which every server of this project says that it is ready (the address follows).
const READY: &str = "listening on ";

/// A running server.
#[derive(Debug)]
pub struct Server {
    name: &'static str,
    child: Child,
    /// Held open: a server that prints a second line must not die of it.
    stdout: Lines<BufReader<ChildStdout>>,
    url: Url,
    log: PathBuf,
}

/// Why a server did not start or stop as it should. Each carries the end of the server's log.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The system refused to run, wait for or signal the program.
    #[error("{name} could not be run")]
    Run {
        /// The server.
        name: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It ended before it was ready.
    #[error("{name} ended with {status} before it was ready; the end of its log:\n{log}")]
    Ended {
        /// The server.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its log.
        log: String,
    },
    /// Its first line of output was not the agreed one.
    #[error("{name} printed `{line}` where `listening on http://…` was expected")]
    Unexpected {
        /// The server.
        name: &'static str,
        /// What it printed.
        line: String,
    },
    /// It got neither ready nor ended, or did not stop when told to.
    #[error("{name} was not {state} within {} s; the end of its log:\n{log}", within.as_secs())]
    Stuck {
        /// The server.
        name: &'static str,
        /// What was waited for.
        state: &'static str,
        /// For how long.
        within: Duration,
        /// The last lines of its log.
        log: String,
    },
}

impl Server {
    /// Starts a program and waits until it is ready. Its log (stderr) goes to `NAME.log` in `folder`.
    pub async fn start<A: AsRef<OsStr>>(
        name: &'static str,
        folder: &Path,
        program: &Path,
        args: impl IntoIterator<Item = A>,
    ) -> Result<Self, ServerError> {
        let failed = |source| ServerError::Run { name, source };
        let log = folder.join(format!("{name}.log"));
        let mut child = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(&log).map_err(failed)?)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let stdout = child.stdout.take().ok_or_else(|| failed(io::ErrorKind::BrokenPipe.into()))?;
        let mut lines = BufReader::new(stdout).lines();
        let stuck = |log| ServerError::Stuck { name, state: "ready", within: READY_WITHIN, log };
        let first = timeout(READY_WITHIN, lines.next_line()).await.map_err(|_| stuck(tail(&log)))?;
        let Some(line) = first.map_err(failed)? else {
            // Its output is closed, so it is ending, if it has not ended yet.
            let status = timeout(STOPPED_WITHIN, child.wait()).await.map_err(|_| stuck(tail(&log)))?;
            return Err(ServerError::Ended { name, status: status.map_err(failed)?, log: tail(&log) });
        };
        let url = line.strip_prefix(READY).and_then(|url| Url::parse(url).ok());
        let url = url.ok_or(ServerError::Unexpected { name, line })?;
        Ok(Self { name, child, stdout: lines, url, log })
    }

    /// What it was started as.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// The process, for looking at what it takes.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Where it listens, by its own word: `http://127.0.0.1:PORT/`.
    #[must_use]
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Where it listens without the final slash, as issuer identifiers are written.
    #[must_use]
    pub fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// What it has logged so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Sends the signal that asks a service to end, and waits until it has. Returns how it ended, and the lines it
    /// printed to stdout after the first; there should be none.
    pub async fn stop(mut self) -> Result<(ExitStatus, Vec<String>), ServerError> {
        let name = self.name;
        let failed = |source| ServerError::Run { name, source };
        if let Some(id) = self.child.id() {
            Command::new("kill").args(["-TERM", &id.to_string()]).status().await.map_err(failed)?;
        }
        let ended = timeout(STOPPED_WITHIN, async {
            let mut further = Vec::new();
            while let Some(line) = self.stdout.next_line().await? {
                further.push(line);
            }
            Ok((self.child.wait().await?, further))
        });
        let log = &self.log;
        let stuck = || ServerError::Stuck { name, state: "stopped", within: STOPPED_WITHIN, log: tail(log) };
        ended.await.map_err(|_| stuck())?.map_err(failed)
    }
}

/// The end of a log, indented for a message.
fn tail(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    let skipped = lines.len().saturating_sub(LOG_TAIL_LINES);
    lines.iter().skip(skipped).flat_map(|line| ["    ", line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn start(script: &str) -> Result<Server, ServerError> {
        let folder = tempfile::tempdir().unwrap();
        Server::start("sh", folder.path(), Path::new("/bin/sh"), ["-c", script]).await
    }

    #[tokio::test]
    async fn a_server_is_ready_when_it_says_so() {
        let server = start("echo listening on http://127.0.0.1:4711; exec sleep 60").await.unwrap();
        assert_eq!(server.url().as_str(), "http://127.0.0.1:4711/");
        assert_eq!(server.origin(), "http://127.0.0.1:4711");
        let (status, further) = server.stop().await.unwrap();
        assert_eq!(
            (status.code(), further),
            (None, Vec::new()),
            "ended by the signal, without a further word"
        );
    }

    #[tokio::test]
    async fn a_server_that_ends_early_shows_its_log() {
        let error = start("echo the port is taken >&2; exit 4").await.unwrap_err();
        let ServerError::Ended { status, log, .. } = error else { panic!("{error:?}") };
        assert_eq!(status.code(), Some(4));
        assert!(log.contains("the port is taken"), "{log}");
    }

    #[tokio::test]
    async fn another_first_line_is_refused() {
        let error = start("echo hello; exec sleep 60").await.unwrap_err();
        assert!(matches!(&error, ServerError::Unexpected { line, .. } if line == "hello"), "{error:?}");
    }
}
