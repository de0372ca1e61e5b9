//! Which connections are open, and which one goes when there are too many.
//!
//! Beyond the cap the connection that has been quiet the longest makes room, so whoever opens sockets and keeps them loses
//! them first. Beyond the cap of one address that is one of its own. A connection with a request in flight is never
//! taken.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

use super::Limits;
use super::activity::Activity;

/// How often a connection for which all were busy looks for one that is quiet by now.
const RETRY: Duration = Duration::from_millis(20);
/// Between two lines of the log about connections that had to go.
const TELL_INTERVAL: Duration = Duration::from_secs(10);

/// The open connections of one listener.
#[derive(Debug)]
pub(super) struct Admission {
    connections: usize,
    per_address: usize,
    state: Mutex<State>,
    freed: Notify,
}

/// An open connection. Dropping it makes room for another.
#[derive(Debug)]
pub(super) struct Slot {
    admission: Arc<Admission>,
    party: Party,
    id: u64,
    evicted: Arc<Notify>,
}

/// Why a connection is not admitted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// All are busy: [there may be room](Admission::may_have_room) in a moment.
    Full,
    /// All of this address are busy.
    Address,
}

/// An IPv4 address, or the network of 64 bits that one holder of IPv6 addresses has (RFC 6177 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Party(IpAddr);

#[derive(Debug, Default)]
struct State {
    next: u64,
    count: usize,
    parties: HashMap<Party, Connections>,
    /// Quiet connections when last looked, the longest quiet in front. Those that became quiet since come after all of
    /// them, so there is nothing to look for before the queue is empty.
    quiet: VecDeque<Quiet>,
    news: News,
}

/// The connections of one party.
#[derive(Debug, Default)]
struct Connections {
    open: HashMap<u64, Connection>,
    quiet: VecDeque<Quiet>,
}

#[derive(Debug)]
struct Connection {
    activity: Arc<Activity>,
    evicted: Arc<Notify>,
}

#[derive(Debug, Clone, Copy)]
struct Quiet {
    since: Instant,
    party: Party,
    id: u64,
}

/// For the log.
#[derive(Debug, Default)]
struct News {
    evicted: u64,
    refused: u64,
    told: Option<Instant>,
}

impl Admission {
    pub(super) fn new(limits: &Limits) -> Self {
        let connections = limits.connections.max(1);
        let per_address = limits.connections_per_address.clamp(1, connections);
        Self { connections, per_address, state: Mutex::default(), freed: Notify::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in a connection from `address`, at the cost of a quiet one where there are too many.
    pub(super) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        activity: &Arc<Activity>,
        now: Instant,
    ) -> Result<Slot, Refused> {
        let party = Party::of(address);
        let mut state = self.state();
        let own = state.parties.get(&party).map_or(0, |connections| connections.open.len());
        let outcome = if own >= self.per_address && !state.evict(Some(party)) {
            state.news.refused += 1;
            Err(Refused::Address)
        } else if state.count >= self.connections && !state.evict(None) {
            Err(Refused::Full)
        } else {
            let (id, evicted) = (state.next, Arc::new(Notify::new()));
            state.next += 1;
            state.count += 1;
            let connection = Connection { activity: Arc::clone(activity), evicted: Arc::clone(&evicted) };
            state.parties.entry(party).or_default().open.insert(id, connection);
            Ok(Slot { admission: Arc::clone(self), party, id, evicted })
        };
        state.news.tell(now, self);
        outcome
    }

    /// Resolves when there may be room again: a connection has ended, or one could have become quiet.
    pub(super) async fn may_have_room(&self) {
        let _ = tokio::time::timeout(RETRY, self.freed.notified()).await;
    }

    /// How many connections are open.
    pub(super) fn open(&self) -> usize {
        self.state().count
    }
}

impl State {
    /// Ends the longest quiet connection, of `party` if one is given. `false` if all are busy.
    fn evict(&mut self, party: Option<Party>) -> bool {
        for is_fresh in [false, true] {
            if is_fresh {
                self.look(party);
            }
            while let Some(quiet) = self.queue(party).and_then(VecDeque::pop_front) {
                if self.is_still(quiet)
                    && let Some(connection) = self.remove(quiet.party, quiet.id)
                {
                    connection.evicted.notify_one();
                    self.news.evicted += 1;
                    return true;
                }
            }
        }
        false
    }

    fn queue(&mut self, party: Option<Party>) -> Option<&mut VecDeque<Quiet>> {
        match party {
            None => Some(&mut self.quiet),
            Some(party) => self.parties.get_mut(&party).map(|connections| &mut connections.quiet),
        }
    }

    fn look(&mut self, only: Option<Party>) {
        let mut found: Vec<Quiet> = self
            .parties
            .iter()
            .filter(|(party, _)| only.is_none_or(|only| only == **party))
            .flat_map(|(party, connections)| {
                connections.open.iter().filter_map(|(id, connection)| {
                    let since = connection.activity.quiet_since()?;
                    Some(Quiet { since, party: *party, id: *id })
                })
            })
            .collect();
        found.sort_unstable_by_key(|quiet| (quiet.since, quiet.id));
        if let Some(queue) = self.queue(only) {
            *queue = found.into();
        }
    }

    fn is_still(&self, quiet: Quiet) -> bool {
        let connection = self.parties.get(&quiet.party).and_then(|it| it.open.get(&quiet.id));
        connection.is_some_and(|it| it.activity.quiet_since() == Some(quiet.since))
    }

    fn remove(&mut self, party: Party, id: u64) -> Option<Connection> {
        let connections = self.parties.get_mut(&party)?;
        let removed = connections.open.remove(&id)?;
        self.count -= 1;
        if connections.open.is_empty() {
            self.parties.remove(&party);
        }
        Some(removed)
    }
}

impl News {
    fn tell(&mut self, now: Instant, admission: &Admission) {
        let is_due = self.told.is_none_or(|told| now.saturating_duration_since(told) >= TELL_INTERVAL);
        if self.evicted + self.refused > 0 && is_due {
            warn!(
                closed = self.evicted,
                refused = self.refused,
                limit = admission.connections,
                limit_per_address = admission.per_address,
                "too many connections: the longest idle are closed, and refused are those of an address whose own are \
                 all busy"
            );
            *self = Self { told: Some(now), ..Self::default() };
        }
    }
}

impl Slot {
    /// Resolves when the connection has to make room.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        // What was evicted is gone already.
        self.admission.state().remove(self.party, self.id);
        self.admission.freed.notify_one();
    }
}

impl Party {
    fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V4(address) => address.into(),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use http::Version;

    use super::*;

    struct Peers {
        admission: Arc<Admission>,
        start: Instant,
    }

    impl Peers {
        fn new(connections: usize, connections_per_address: usize) -> Self {
            let limits = Limits { connections, connections_per_address, ..Limits::default() };
            Self { admission: Arc::new(Admission::new(&limits)), start: Instant::now() }
        }

        /// A connection that is quiet since `second`.
        fn connect(&self, address: &str, second: u64) -> Result<(Slot, Arc<Activity>), Refused> {
            let now = self.start + Duration::from_secs(second);
            let activity = Arc::new(Activity::new(Limits::default(), now));
            let slot = self.admission.admit(address.parse().unwrap(), &activity, now)?;
            Ok((slot, activity))
        }
    }

    fn is_evicted(slot: &Slot) -> bool {
        let evicted = std::pin::pin!(slot.evicted());
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        evicted.poll(&mut context).is_ready()
    }

    #[test]
    fn the_longest_quiet_goes_first_and_the_busy_never() {
        let peers = Peers::new(3, 3);
        let (busy, working) = peers.connect("192.0.2.1", 0).unwrap();
        working.begin(Version::HTTP_11);
        let (later, _) = peers.connect("192.0.2.2", 2).unwrap();
        let (earlier, _) = peers.connect("192.0.2.3", 1).unwrap();
        let (fourth, activity) = peers.connect("192.0.2.4", 3).unwrap();
        assert_eq!([&busy, &later, &earlier].map(is_evicted), [false, false, true]);

        // Of those seen quiet a moment ago one works by now.
        activity.begin(Version::HTTP_11);
        let (fifth, working) = peers.connect("192.0.2.5", 4).unwrap();
        assert_eq!([&busy, &later, &fourth].map(is_evicted), [false, true, false]);

        working.begin(Version::HTTP_11);
        assert_eq!(peers.connect("192.0.2.6", 5).map(drop), Err(Refused::Full));
        drop(fifth);
        peers.connect("192.0.2.6", 5).unwrap();
    }

    #[test]
    fn one_address_makes_room_among_its_own() {
        let peers = Peers::new(10, 2);
        let (other, _) = peers.connect("192.0.2.9", 0).unwrap();
        let (first, _) = peers.connect("2001:db8::1", 1).unwrap();
        let (second, working) = peers.connect("2001:db8::2", 2).unwrap();
        working.begin(Version::HTTP_11);
        let (third, working) = peers.connect("2001:db8::3", 3).unwrap();
        assert_eq!([&other, &first, &second].map(is_evicted), [false, true, false]);

        working.begin(Version::HTTP_11);
        assert_eq!(peers.connect("2001:db8::4", 4).map(drop), Err(Refused::Address));
        peers.connect("2001:db8:0:1::1", 4).unwrap();
        drop(third);
        peers.connect("2001:db8::4", 4).unwrap();
    }

    /// A mapped address is its IPv4 address, or each listener on `[::]` would see one party behind all of IPv4.
    #[test]
    fn an_ipv4_address_is_one_party_in_either_notation() {
        let party = |text: &str| Party::of(text.parse().unwrap());
        assert_eq!(party("::ffff:192.0.2.1"), party("192.0.2.1"));
        assert_ne!(party("::ffff:192.0.2.1"), party("::ffff:192.0.2.2"));
    }
}
