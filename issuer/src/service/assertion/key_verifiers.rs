//! One verifier for each distinct source of keys, kept for as long as a registration uses it.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::Duration;

use futures_util::future::join_all;
use tessera_fetch::Fetcher;
use tessera_verifier::{
    AcceptedAudience, Attempt, Backend, Error, FetchRequest, Step, Timestamp, TrustError, TrustPolicy,
    TrustedIssuer, VerifiedToken, Verifier, limits,
};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{CLIENT_ASSERTION_MAX_LIFETIME, CLOCK_SKEW, WORKLOAD_MAX_LIFETIME};
use crate::domain::{Credential, CredentialId, CredentialKind, KeySource, Profile, WorkloadRegistration};
use crate::service::Clock;
use crate::store::{Snapshot, Snapshots};

/// How often each verifier is asked which key sets have aged.
const REFRESH_INTERVAL: Duration = Duration::from_secs(5);
/// How long a request waits for a key set that is being fetched: the fetch's own deadline, and a moment.
const FETCH_WAIT: Duration = limits::FETCH_TIMEOUT.saturating_add(Duration::from_secs(1));

/// Most tokens of one platform that are remembered as verified. A workload shows the same one until it is renewed.
const REMEMBERED: usize = 10_000;

/// What makes one verifier: registrations that agree in all of this share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct VerifierKey {
    issuer: String,
    keys: KeySource,
    kind: Kind,
}

/// What kind of tokens a source signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// A platform's, by these rules.
    Workload(Profile),
    /// A client's own assertions.
    ClientAssertion,
}

/// All verifiers in use.
#[derive(Debug)]
pub(super) struct KeyVerifiers {
    fetcher: Fetcher,
    allow_http_loopback: bool,
    table: RwLock<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// The revision whose registrations the table was last cut down to.
    revision: i64,
    verifiers: HashMap<VerifierKey, Arc<SharedVerifier>>,
    /// The verifiers by the credentials that they are for, as far as these were asked about: a source may be long.
    of_credential: HashMap<CredentialId, Arc<SharedVerifier>>,
}

/// A verifier that many requests use.
#[derive(Debug)]
pub(super) struct SharedVerifier {
    /// Many check at once; what is remembered or supplied takes it alone for a moment.
    verifier: RwLock<Verifier>,
    fetcher: Fetcher,
    /// Counts the fetches that ended, well or not; requests wait for the next.
    fetched: watch::Sender<u64>,
}

impl VerifierKey {
    pub(super) fn of_registration(registration: &WorkloadRegistration) -> Self {
        let WorkloadRegistration { issuer, keys, profile, .. } = registration.clone();
        Self { issuer: issuer.into(), keys, kind: Kind::Workload(profile) }
    }

    /// Of a credential that has keys.
    fn of(credential: &Credential) -> Option<Self> {
        match &credential.kind {
            CredentialKind::Workload(registration) => Some(Self::of_registration(registration)),
            CredentialKind::Keys(own) => Some(Self {
                issuer: credential.client.to_string(),
                keys: own.keys.clone(),
                kind: Kind::ClientAssertion,
            }),
            CredentialKind::Secret(_) | CredentialKind::Certificate(_) => None,
        }
    }

    /// The verifier of this source.
    pub(super) fn verifier(&self, allow_http_loopback: bool) -> Result<Verifier, TrustError> {
        let keys = match &self.keys {
            KeySource::Discovery => tessera_verifier::KeySource::Discovery,
            KeySource::Uri(uri) => tessera_verifier::KeySource::Url(uri.as_str().to_owned()),
            KeySource::Inline(set) => tessera_verifier::KeySource::Inline(set.as_str().to_owned()),
        };
        // What comes once only is not worth remembering. Audiences are asked for with each token.
        let (profile, max_lifetime, remembered) = match self.kind {
            Kind::Workload(profile) => (profile.into(), WORKLOAD_MAX_LIFETIME, REMEMBERED),
            Kind::ClientAssertion => {
                (tessera_verifier::Profile::ClientAssertion, CLIENT_ASSERTION_MAX_LIFETIME, 0)
            }
        };
        let issuer = TrustedIssuer::new(&*self.issuer, keys)
            .profile(profile)
            .max_lifetime(max_lifetime)
            .clock_skew(CLOCK_SKEW);
        let trust = TrustPolicy::new()
            .issuer(issuer)
            .remembered_tokens(remembered)
            .allow_http_loopback(allow_http_loopback);
        Verifier::trusting(trust, Backend::AwsLc)
    }

    fn is_of(&self, credential: &Credential) -> bool {
        match (&credential.kind, self.kind) {
            (CredentialKind::Workload(registration), Kind::Workload(profile)) => {
                self.issuer == registration.issuer.as_str()
                    && profile == registration.profile
                    && self.keys == registration.keys
            }
            (CredentialKind::Keys(own), Kind::ClientAssertion) => self.keys == own.keys,
            _ => false,
        }
    }

    /// Whether one of these registrations is for it.
    fn is_in(&self, snapshot: &Snapshot) -> bool {
        match self.kind {
            Kind::Workload(_) => {
                snapshot.directory.workloads_of_issuer(&self.issuer).any(|credential| self.is_of(credential))
            }
            Kind::ClientAssertion => snapshot
                .directory
                .client(&self.issuer)
                .is_some_and(|client| client.credentials.iter().any(|credential| self.is_of(credential))),
        }
    }
}

impl KeyVerifiers {
    pub(super) fn new(fetcher: Fetcher, allow_http_loopback: bool) -> Self {
        Self { fetcher, allow_http_loopback, table: RwLock::default() }
    }

    /// The verifier for a credential that has keys, made if there is none yet. Those of withdrawn ones go.
    pub(super) fn get(
        &self,
        snapshot: &Snapshot,
        credential: &Credential,
    ) -> Result<Arc<SharedVerifier>, TrustError> {
        {
            let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
            if table.revision >= snapshot.revision
                && let Some(shared) = table.of_credential.get(&credential.id)
            {
                return Ok(Arc::clone(shared));
            }
        }
        let mut table = self.write();
        table.cut_down(snapshot);
        // A credential without keys is never asked about; were it, nothing would be trusted.
        let source = VerifierKey::of(credential).ok_or(TrustError::NoIssuer)?;
        if let Some(shared) = table.verifiers.get(&source).cloned() {
            table.of_credential.insert(credential.id.clone(), Arc::clone(&shared));
            return Ok(shared);
        }
        let verifier = source.verifier(self.allow_http_loopback)?;
        let shared = Arc::new(SharedVerifier::new(verifier, &self.fetcher));
        table.verifiers.insert(source, Arc::clone(&shared));
        table.of_credential.insert(credential.id.clone(), Arc::clone(&shared));
        Ok(shared)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.write().verifiers.len()
    }

    pub(super) async fn keep_fresh(&self, snapshots: &Snapshots, clock: Clock) {
        let mut ticks = interval(REFRESH_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.refresh(&snapshots.latest(), clock);
        }
    }

    /// Starts the fetches that are due for what is registered now: an issuer that nobody trusts any more is not
    /// asked for anything. Each runs on its own, so that one dead source delays no other.
    pub(super) fn refresh(&self, snapshot: &Snapshot, clock: Clock) {
        let all: Vec<Arc<SharedVerifier>> = {
            let mut table = self.write();
            table.cut_down(snapshot);
            table.verifiers.values().cloned().collect()
        };
        for shared in all {
            let due = shared.write().due_fetches(read(clock));
            shared.fetch(due, clock);
        }
    }
}

impl Table {
    /// Drops the verifiers of registrations that are not in `snapshot`.
    fn cut_down(&mut self, snapshot: &Snapshot) {
        // A request that began before the last change may still be under way.
        if self.revision >= snapshot.revision {
            return;
        }
        self.revision = snapshot.revision;
        self.of_credential.clear();
        self.verifiers.retain(|source, _| source.is_in(snapshot));
    }
}

impl SharedVerifier {
    fn new(verifier: Verifier, fetcher: &Fetcher) -> Self {
        Self { verifier: RwLock::new(verifier), fetcher: fetcher.clone(), fetched: watch::Sender::new(0) }
    }

    /// Verifies `token`, fetching keys first if that is what it takes; of many requests one fetches.
    ///
    /// The clock is read at each decision: a token may expire while its keys are fetched.
    pub(super) async fn authenticate(
        self: &Arc<Self>,
        token: &str,
        audiences: &[&str],
        clock: Clock,
    ) -> Result<Arc<VerifiedToken>, Error> {
        let mut attempt = Attempt::new();
        loop {
            // Subscribed before asking, so that a fetch that ends in between is not missed.
            let mut fetched = self.fetched.subscribe();
            let audience = AcceptedAudience::OneOf(audiences);
            match self.step(token, audience, &mut attempt, read(clock)) {
                Step::Done(verdict) => return verdict,
                Step::Fetch(request) => self.fetch(vec![request], clock),
                Step::Wait { .. } => {}
            }
            // A deadline missed is answered by the next step.
            let _ = timeout(FETCH_WAIT, fetched.changed()).await;
        }
    }

    fn step(
        &self,
        token: &str,
        audience: AcceptedAudience<'_>,
        attempt: &mut Attempt,
        now: Timestamp,
    ) -> Step<Result<Arc<VerifiedToken>, Error>> {
        let verifier = self.verifier.read().unwrap_or_else(PoisonError::into_inner);
        let check = verifier.check_token(token, audience, now);
        drop(verifier);
        match check.settled() {
            Ok(verdict) => Step::Done(verdict),
            Err(check) => self.write().settle(check, attempt, now),
        }
    }

    /// A panic elsewhere leaves a verifier that is whole: it changes in single steps.
    fn write(&self) -> RwLockWriteGuard<'_, Verifier> {
        self.verifier.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fetches on a task of its own: whoever asked may hang up, and others wait for the same keys.
    fn fetch(self: &Arc<Self>, requests: Vec<FetchRequest>, clock: Clock) {
        if requests.is_empty() {
            return;
        }
        let shared = Arc::clone(self);
        tokio::spawn(async move {
            join_all(requests.into_iter().map(|request| shared.deliver(request, clock))).await;
            shared.fetched.send_modify(|count| *count += 1);
        });
    }

    async fn deliver(&self, request: FetchRequest, clock: Clock) {
        let url = tessera_fetch::redacted(&request.url);
        let fetched = self.fetcher.get(&request.url, request.timeout, request.limit).await;
        // Now, not when the fetch began: pauses and freshness count from its end.
        let now = read(clock);
        match fetched {
            Err(error) => {
                tracing::warn!(url, error = tessera_fetch::chain(&error), "a key set could not be fetched");
                self.write().fail(request.id, now);
            }
            Ok(document) => {
                let supplied = self.write().supply(request.id, &document.text, &document.cache_control, now);
                match supplied {
                    Ok(skipped) => tracing::debug!(url, skipped = skipped.len(), "a key set was fetched"),
                    Err(error) => tracing::warn!(url, %error, "a key set was refused"),
                }
            }
        }
    }
}

fn read(clock: Clock) -> Timestamp {
    Timestamp::from_seconds(clock().as_seconds())
}
