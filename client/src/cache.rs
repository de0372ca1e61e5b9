//! Which token to hand out, when to get a new one, and who gets it. Sans-IO: time is an argument, an exchange is
//! something that others wait for (`F`).
//!
//! A token that was asked for at `t` and lives for `l` is handed out until `t + l - margin`, the margin being the
//! tenth of `l` or [`EXPIRY_MARGIN`], whichever is less: time for a request to travel and for clocks to differ. From
//! `t + l * 3/4` on, the first who asks starts a refresh; nobody waits for it. The rule has no random part: clients
//! start at different times, so their refreshes spread by themselves.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::error::TokenError;
use crate::request::Request;
use crate::secret::AccessToken;

/// Different requests remembered at once. A service calls a handful of others; a thousand is a bug or an attack.
pub(crate) const CAPACITY: usize = 1000;

/// The lifetime assumed when the server names none (RFC 6749 §5.1 only recommends it): short enough to be safe with
/// any server, long enough to spare it.
pub(crate) const LIFETIME_DEFAULT: Duration = Duration::from_mins(1);

/// No token is kept longer than a day, whatever the server says; it also keeps sums of times from overflowing.
const LIFETIME_MAX: Duration = Duration::from_hours(24);

/// How long before its expiry a token is no longer handed out, at most.
const EXPIRY_MARGIN: Duration = Duration::from_secs(10);

/// After a failure the server is left alone for this long; the failure answers whoever asks meanwhile.
const HOLD_OFF: Duration = Duration::from_secs(1);

/// The same while a good token is at hand: there is no hurry then.
const HOLD_OFF_REFRESH: Duration = Duration::from_secs(10);

/// The longest `Retry-After` that is believed. A server that is away for longer may say so again.
const HOLD_OFF_MAX: Duration = Duration::from_mins(1);

/// A refused token younger than this is not replaced: the next would be refused as well, and each refusal of a
/// callee would cost the issuer a token.
const INVALIDATE_AGE_MIN: Duration = Duration::from_secs(5);

pub(crate) struct Cache<F> {
    entries: HashMap<Request, Entry<F>>,
    capacity: usize,
}

struct Entry<F> {
    token: Option<Kept>,
    flight: Option<F>,
    failure: Option<Failure>,
}

struct Kept {
    token: AccessToken,
    asked_at: Instant,
    refresh_at: Instant,
    usable_until: Instant,
}

struct Failure {
    error: TokenError,
    failed_at: Instant,
}

/// A token as the server gave it.
#[derive(Debug, Clone)]
pub(crate) struct FetchedToken {
    pub(crate) token: AccessToken,
    pub(crate) lifetime: Duration,
}

/// What to do for someone who asks.
#[derive(Debug)]
pub(crate) enum Lookup<F> {
    /// Hand this out.
    Hit(AccessToken),
    /// Hand this out, start an exchange, and [`Cache::started`] it.
    HitAndRefresh(AccessToken),
    /// Wait for this exchange.
    Join(F),
    /// Start an exchange, [`Cache::started`] it, and wait for it.
    Fetch,
    /// The last exchange failed a moment ago.
    Failed(TokenError),
}

impl<F: Clone> Cache<F> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { entries: HashMap::new(), capacity }
    }

    pub(crate) fn lookup(&self, request: &Request, now: Instant) -> Lookup<F> {
        let Some(entry) = self.entries.get(request) else {
            return if self.has_room(now) {
                Lookup::Fetch
            } else {
                Lookup::Failed(TokenError::Busy { limit: self.capacity })
            };
        };
        let held_off = entry.held_off(now);
        match (entry.usable(now), &entry.flight) {
            (Some(kept), None) if now >= kept.refresh_at && held_off.is_none() => {
                Lookup::HitAndRefresh(kept.token.clone())
            }
            (Some(kept), _) => Lookup::Hit(kept.token.clone()),
            (None, Some(flight)) => Lookup::Join(flight.clone()),
            (None, None) => match held_off {
                Some(failure) => Lookup::Failed(failure.error.clone()),
                None => Lookup::Fetch,
            },
        }
    }

    /// An exchange for `request` is under way.
    pub(crate) fn started(&mut self, request: &Request, flight: F, now: Instant) {
        if !self.entries.contains_key(request) {
            self.make_room(now);
        }
        let entry = self.entries.entry(request.clone()).or_insert_with(|| Entry {
            token: None,
            flight: None,
            failure: None,
        });
        entry.flight = Some(flight);
    }

    /// The exchange for `request` that was asked for at `asked_at` has ended.
    pub(crate) fn finished(
        &mut self,
        request: &Request,
        outcome: Result<FetchedToken, TokenError>,
        asked_at: Instant,
        now: Instant,
    ) {
        let Some(entry) = self.entries.get_mut(request) else { return };
        entry.flight = None;
        match outcome {
            Ok(fetched) => {
                entry.failure = None;
                entry.token = Some(Kept::new(fetched, asked_at));
            }
            Err(error) => entry.failure = Some(Failure { error, failed_at: now }),
        }
    }

    /// A callee refused `token`. Returns whether it is gone, so that asking again gets another.
    pub(crate) fn invalidate(&mut self, token: &AccessToken, now: Instant) -> bool {
        for entry in self.entries.values_mut() {
            if let Some(kept) = entry.token.take_if(|kept| kept.token.is_same(token)) {
                if now.saturating_duration_since(kept.asked_at) < INVALIDATE_AGE_MIN {
                    entry.token = Some(kept);
                    return false;
                }
                return true;
            }
        }
        // It was replaced already.
        true
    }

    fn has_room(&self, now: Instant) -> bool {
        self.entries.len() < self.capacity || self.entries.values().any(|entry| entry.is_evictable(now))
    }

    /// Drops what is of no more use; if nothing is, the token that would be of use the shortest.
    fn make_room(&mut self, now: Instant) {
        if self.entries.len() < self.capacity {
            return;
        }
        self.entries.retain(|_, entry| entry.is_live(now));
        if self.entries.len() < self.capacity {
            return;
        }
        let soonest = self
            .entries
            .iter()
            .filter(|(_, entry)| entry.is_evictable(now))
            .min_by_key(|(_, entry)| entry.token.as_ref().map(|kept| kept.usable_until))
            .map(|(request, _)| request.clone());
        if let Some(request) = soonest {
            self.entries.remove(&request);
        }
    }
}

impl<F> Entry<F> {
    fn usable(&self, now: Instant) -> Option<&Kept> {
        self.token.as_ref().filter(|kept| now < kept.usable_until)
    }

    /// The failure that forbids another exchange yet.
    fn held_off(&self, now: Instant) -> Option<&Failure> {
        let least = if self.usable(now).is_some() { HOLD_OFF_REFRESH } else { HOLD_OFF };
        self.failure.as_ref().filter(|failure| {
            let wanted = failure.error.retry_after().unwrap_or_default().min(HOLD_OFF_MAX);
            now < failure.failed_at + wanted.max(least)
        })
    }

    /// Whether anything would be lost with it.
    fn is_live(&self, now: Instant) -> bool {
        self.flight.is_some() || self.usable(now).is_some() || self.held_off(now).is_some()
    }

    /// Nobody waits for it, and dropping it does not ask a server that wants to be left alone.
    fn is_evictable(&self, now: Instant) -> bool {
        self.flight.is_none() && (self.usable(now).is_some() || !self.is_live(now))
    }
}

impl Kept {
    fn new(fetched: FetchedToken, asked_at: Instant) -> Self {
        let lifetime = fetched.lifetime.min(LIFETIME_MAX);
        let margin = (lifetime / 10).min(EXPIRY_MARGIN);
        Self {
            token: fetched.token,
            asked_at,
            refresh_at: asked_at + lifetime * 3 / 4,
            usable_until: asked_at + lifetime.saturating_sub(margin),
        }
    }
}
