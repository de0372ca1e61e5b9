//! Load on a token endpoint: as much as it takes, or so much a second.
//!
//! One thread does all of it. On a processor of its own it takes none of the server's time.

mod connection;
mod schedule;

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    sync::Mutex,
    task::{JoinSet, yield_now},
};

use self::connection::Connection;
pub(crate) use self::{
    connection::{LoadError, Target},
    schedule::{Latencies, Schedule},
};

/// Connections that are kept busy: more than one thread of a server can serve, so that it never waits.
pub(crate) const BUSY: usize = 16;
/// Connections at a fixed rate: so many requests are under way before one has to wait for another.
pub(crate) const AT_A_RATE: usize = 64;

/// Connections that are open and idle. Opening them belongs to nobody's figures.
pub(crate) struct Load {
    connections: Vec<Connection>,
}

/// Requests as they are written to a connection, taken in turn by all of them.
#[derive(Debug)]
pub(crate) struct Requests {
    written: Vec<Vec<u8>>,
    next: AtomicUsize,
    /// Whether the first comes again after the last. An assertion that is good for once does not.
    repeat: bool,
}

/// What was answered meanwhile, all of it by success.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answered {
    /// How many requests.
    pub(crate) count: u32,
    /// From the first one to the last answer.
    pub(crate) took: Duration,
}

impl Load {
    /// Opens so many connections.
    pub(crate) async fn open(target: &Target, connections: usize) -> Result<Self, LoadError> {
        let mut opened = Vec::with_capacity(connections);
        for _ in 0..connections {
            opened.push(Connection::open(target).await?);
        }
        Ok(Self { connections: opened })
    }

    /// Puts one request and returns the body of the answer.
    pub(crate) async fn once(mut self, request: &[u8]) -> Result<Vec<u8>, LoadError> {
        let connection = self.connections.first_mut().ok_or(LoadError::Stopped)?;
        connection.exchange(request).await?;
        Ok(connection.body().to_vec())
    }

    /// Closed loop: each connection asks again as soon as it is answered, until the `turn` is over or there are no
    /// more requests.
    pub(crate) async fn flat_out(
        self,
        requests: &Arc<Requests>,
        turn: Duration,
    ) -> Result<Answered, LoadError> {
        let start = Instant::now();
        let mut asking = JoinSet::new();
        for mut connection in self.connections {
            let requests = Arc::clone(requests);
            asking.spawn(async move {
                let mut count = 0;
                while start.elapsed() < turn {
                    let Some(request) = requests.next() else { break };
                    connection.exchange(request).await?;
                    count += 1;
                }
                Ok::<u32, LoadError>(count)
            });
        }
        let mut count = 0;
        while let Some(asked) = asking.join_next().await {
            count += asked.map_err(|_| LoadError::Stopped)??;
        }
        Ok(Answered { count, took: start.elapsed() })
    }

    /// Open loop: requests fall due as the `schedule` says, whether those before are answered or not. What one has to
    /// wait for a connection belongs to its latency, so that a server that stalls cannot put questions off
    /// ("coordinated omission").
    pub(crate) async fn at_a_rate(
        self,
        requests: &Arc<Requests>,
        schedule: Schedule,
    ) -> Result<Latencies, LoadError> {
        let schedule = Arc::new(Mutex::new(schedule));
        let mut asking = JoinSet::new();
        for mut connection in self.connections {
            let (requests, schedule) = (Arc::clone(requests), Arc::clone(&schedule));
            asking.spawn(async move {
                let mut latencies = Vec::new();
                while let Some(due) = next_due(&schedule).await {
                    let Some(request) = requests.next() else { break };
                    connection.exchange(request).await?;
                    latencies.push(due.elapsed());
                }
                Ok::<_, LoadError>(latencies)
            });
        }
        let mut all = Vec::new();
        while let Some(asked) = asking.join_next().await {
            all.extend(asked.map_err(|_| LoadError::Stopped)??);
        }
        Ok(Latencies::new(all))
    }
}

/// Waits until the next request falls due. One connection waits, the others behind it; and it does so awake, since
/// timers of the runtime are a millisecond late, which is as long as an answer takes.
async fn next_due(schedule: &Mutex<Schedule>) -> Option<Instant> {
    let mut schedule = schedule.lock().await;
    let due = schedule.next()?;
    while Instant::now() < due {
        yield_now().await;
    }
    Some(due)
}

impl Requests {
    /// Requests that may be put again and again.
    pub(crate) fn repeated(written: Vec<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { written, next: AtomicUsize::new(0), repeat: true })
    }

    /// Requests that are each good for once.
    pub(crate) fn once(written: Vec<Vec<u8>>) -> Arc<Self> {
        Arc::new(Self { written, next: AtomicUsize::new(0), repeat: false })
    }

    pub(crate) fn next(&self) -> Option<&[u8]> {
        let place = self.next.fetch_add(1, Ordering::Relaxed);
        let place = if self.repeat { place.checked_rem(self.written.len())? } else { place };
        self.written.get(place).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_in_turn_and_again_if_they_may() {
        let written = || vec![b"a".to_vec(), b"b".to_vec()];
        let taken = |requests: &Requests| -> Vec<Option<Vec<u8>>> {
            (0..3).map(|_| requests.next().map(<[u8]>::to_vec)).collect()
        };
        let [a, b] = [b"a", b"b"].map(|it| Some(it.to_vec()));
        assert_eq!(taken(&Requests::repeated(written())), [a.clone(), b.clone(), a.clone()]);
        assert_eq!(taken(&Requests::once(written())), [a, b, None]);
        assert_eq!(taken(&Requests::repeated(Vec::new())), [None, None, None]);
    }
}
