//! Peers in other languages: processes that take the time themselves, so that talking to them costs nothing.

use std::{
    io::{self, BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};
use tessera_verifier::Algorithm;

use crate::{
    contender::Contender,
    error::BenchError,
    material::{AUDIENCE, ISSUER, LEEWAY},
};

/// A process that runs one of `tests/judges/stopwatch.*`; what is said to it and by it is written there.
pub(crate) struct Peer {
    name: &'static str,
    child: Child,
    /// Taken only when the process is to end.
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    pub(crate) fn start(
        name: &'static str,
        program: &Path,
        script: &Path,
        algorithm: Algorithm,
        jwk: &Value,
        token: &str,
    ) -> Result<Self, BenchError> {
        let failed = |source| BenchError::Peer { peer: name, source };
        let mut child = Command::new(program)
            .arg(script)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed(io::ErrorKind::BrokenPipe.into()));
        };
        let mut peer = Self { name, child, questions: Some(questions), answers: BufReader::new(answers) };
        let task = json!({
            "jwk": jwk, "alg": algorithm.name(), "token": token,
            "issuer": ISSUER, "audience": AUDIENCE, "leeway": LEEWAY,
        });
        peer.say(&task.to_string()).map_err(failed)?;
        Ok(peer)
    }

    fn say(&mut self, line: &str) -> io::Result<()> {
        let questions = self.questions.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        writeln!(questions, "{line}")?;
        questions.flush()
    }

    fn ask(&mut self, line: &str) -> io::Result<String> {
        self.say(line)?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(answer)
    }
}

impl Contender for Peer {
    fn decide(&mut self) -> Result<(), BenchError> {
        self.sample(1).map(drop)
    }

    fn sample(&mut self, calls: u32) -> Result<Duration, BenchError> {
        let said =
            self.ask(&calls.to_string()).map_err(|source| BenchError::Peer { peer: self.name, source })?;
        let nanoseconds =
            said.trim().parse().map_err(|_| BenchError::PeerSaid { peer: self.name, said: said.clone() })?;
        Ok(Duration::from_nanos(nanoseconds))
    }
}

impl Drop for Peer {
    /// The end of its input is the end of the process.
    fn drop(&mut self) {
        drop(self.questions.take());
        // Nothing is left to be done about a process that cannot be waited for.
        let _ = self.child.wait();
    }
}
