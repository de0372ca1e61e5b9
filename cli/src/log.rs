//! Where log lines go: through memory to a thread that writes many of them at once, so that no request waits for a
//! write of its own.
//!
//! No line is lost while the process can still write: who makes lines faster than they can be written waits, and the
//! end of [`Log`] waits for the last one. A process that is killed loses at most the lines of [`GATHER`].

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tracing_subscriber::fmt::MakeWriter;

/// How long a line may wait for others. At 20,000 requests a second that is some hundred lines for one system call;
/// nobody who reads along sees the difference.
const GATHER: Duration = Duration::from_millis(5);
/// Bytes that are written without waiting for more: what a pipe holds on Linux (pipe(7)).
const ENOUGH: usize = 64 * 1024;
/// Bytes that may wait to be written: a second of them, about, at full load.
const MOST: usize = 8 * 1024 * 1024;

/// The thread that writes. Dropping this ends it, once everything is written.
#[derive(Debug)]
pub(super) struct Log {
    lines: Lines,
    thread: Option<JoinHandle<()>>,
}

/// Takes lines, from whatever thread.
#[derive(Clone, Debug)]
pub(super) struct Lines(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write, or enough not to wait for more, or nothing more to come.
    filled: Condvar,
    /// There is room again.
    taken: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<u8>,
    ended: bool,
}

impl Log {
    /// Starts a thread that writes to `sink`.
    pub(super) fn start(sink: impl Write + Send + 'static) -> io::Result<Self> {
        let lines = Lines(Arc::default());
        let shared = Arc::clone(&lines.0);
        let thread = thread::Builder::new().name("log".to_owned()).spawn(move || shared.write_all(sink))?;
        Ok(Self { lines, thread: Some(thread) })
    }

    /// What lines are given to.
    pub(super) fn lines(&self) -> Lines {
        self.lines.clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.lines.0.state().ended = true;
        self.lines.0.filled.notify_one();
        // It ends by itself; there is nobody to tell if it could not.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self, mut sink: impl Write) {
        let mut taken = Vec::new();
        loop {
            let ended = self.take(&mut taken);
            self.taken.notify_all();
            // A log that cannot be written, its reader gone, is no reason to stop serving.
            let _ = sink.write_all(&taken).and_then(|()| sink.flush());
            taken.clear();
            if ended {
                return;
            }
        }
    }

    /// Takes all that waits, once there is something and the time to gather is over; tells whether it was the last.
    fn take(&self, taken: &mut Vec<u8>) -> bool {
        let nothing = |state: &mut State| state.waiting.is_empty() && !state.ended;
        let little = |state: &mut State| state.waiting.len() < ENOUGH && !state.ended;
        let state = self.filled.wait_while(self.state(), nothing).unwrap_or_else(PoisonError::into_inner);
        let gathered = self.filled.wait_timeout_while(state, GATHER, little);
        let (mut state, _) = gathered.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut state.waiting, taken);
        state.ended
    }

    fn put(&self, line: &[u8]) {
        let full = |state: &mut State| state.waiting.len() >= MOST && !state.ended;
        let mut state = self.taken.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        let before = state.waiting.len();
        state.waiting.extend_from_slice(line);
        // The thread is woken for the first line, and when it need not wait for more.
        let wake = before == 0 || (before < ENOUGH && state.waiting.len() >= ENOUGH);
        drop(state);
        if wake {
            self.filled.notify_one();
        }
    }
}

impl Write for Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.put(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Receiver, Sender, channel};
    use std::time::Instant;

    use super::*;

    /// Writes when it is told to.
    struct Slow {
        go: Receiver<()>,
        written: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // When nobody is there to tell, it need not wait.
            let _ = self.go.recv();
            self.written.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn slow() -> (Log, Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (go, told) = channel();
        let written = Arc::default();
        let log = Log::start(Slow { go: told, written: Arc::clone(&written) }).unwrap();
        (log, go, written)
    }

    #[test]
    fn the_end_waits_for_the_last_line() {
        let (log, go, written) = slow();
        for number in 0..1000 {
            writeln!(log.lines(), "{number}").unwrap();
        }
        drop(go);
        drop(log);
        let written = String::from_utf8(written.lock().unwrap().clone()).unwrap();
        let expected: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
        assert_eq!(written.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_line_is_written_though_none_follows() {
        let (log, go, written) = slow();
        go.send(()).unwrap();
        writeln!(log.lines(), "alone").unwrap();
        while written.lock().unwrap().is_empty() {
            thread::yield_now();
        }
        assert_eq!(*written.lock().unwrap(), b"alone\n");
        drop(go);
    }

    #[test]
    fn who_is_faster_than_the_log_waits_and_nothing_is_lost() {
        let (log, go, written) = slow();
        let line = vec![b'x'; MOST / 2];
        let mut lines = log.lines();
        let faster = thread::spawn(move || {
            for _ in 0..6 {
                lines.write_all(&line).unwrap();
            }
        });
        // Nothing is written yet: some lines are in the writer's hands, two wait, and the next has no room. Were there
        // no bound, this would take the time of some copies in memory.
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_millis(200) {
            assert!(!faster.is_finished());
            thread::yield_now();
        }
        drop(go);
        faster.join().unwrap();
        drop(log);
        assert_eq!(written.lock().unwrap().len(), 6 * (MOST / 2));
    }

    #[test]
    fn a_log_that_cannot_be_written_stops_nobody() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let log = Log::start(Gone).unwrap();
        for _ in 0..4 {
            log.lines().write_all(&vec![b'x'; MOST]).unwrap();
        }
        drop(log);
    }
}
