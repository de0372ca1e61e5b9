//! The issuer of the long run: its keys, who knows them when, and tokens of every kind.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::json;
use tokio::sync::watch;

use super::{SoakError, summary::Kind};
use crate::{
    signing::{Algorithm, Claims, SigningError, SigningKey, key_set},
    token::Token,
};

pub(super) const NAME: &str = "https://issuer.example";
pub(super) const AUDIENCE: &str = "orders";
pub(super) const SCOPE: &str = "orders:read";
/// The policy's, in seconds.
pub(super) const CLOCK_SKEW: u64 = 1;

/// How long good tokens live, in seconds: longer than a key does.
const LIFETIME: u64 = 3600;
/// How many good tokens there are for each key, to be used over and over.
const REPEATED: usize = 100;
/// How many of each bad kind.
const OF_A_KIND: usize = 20;
/// The short-lived expire one by one, this many seconds apart.
const SHORT_STEP: u64 = 2;
/// For how many keys there still are tokens.
const REMEMBERED: usize = 4;

/// The issuer.
///
/// Its key sets have versions. The set of version *v* has two keys, numbered *v* and *v* + 1: the one that signed so
/// far, and the next.
pub(super) struct Issuer {
    state: watch::Sender<Arc<State>>,
    stranger: SigningKey,
    fates: Mutex<BTreeMap<&'static str, u64>>,
}

/// What holds at a time.
#[derive(Debug)]
pub(super) struct State {
    pub(super) versions: Versions,
    /// By the number of their key; the last ones are those of the key that is to be published next.
    casts: Vec<Arc<Cast>>,
}

/// Which versions of the key set the filter may be using.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Versions {
    /// Every worker has this one, or a later one.
    pub(super) settled: u64,
    /// The last one that the source gave out; at most one above.
    pub(super) latest: u64,
}

/// The tokens of a key, as requests.
#[derive(Debug)]
pub(super) struct Cast {
    number: u64,
    key: SigningKey,
    samples: BTreeMap<Kind, Vec<Sample>>,
}

/// A request, and what decides about it.
#[derive(Debug, Clone)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    /// The number of its key, if it has one that is ever published.
    pub(super) key: Option<u64>,
    /// When it expires, in seconds since the epoch.
    pub(super) expiry: Option<u64>,
    pub(super) request: Vec<u8>,
}

impl Issuer {
    /// With the first set given out to nobody yet.
    pub(super) async fn new() -> Result<Self, SoakError> {
        let mut casts = Vec::new();
        for number in 0..=1 {
            casts.push(Cast::of(number).await?);
        }
        let versions = Versions { settled: 0, latest: 0 };
        let state = watch::Sender::new(Arc::new(State { versions, casts }));
        let stranger = SigningKey::new(Algorithm::Es256, "stranger")?;
        Ok(Self { state, stranger, fates: Mutex::default() })
    }

    pub(super) fn state(&self) -> Arc<State> {
        Arc::clone(&self.state.borrow())
    }

    pub(super) fn versions(&self) -> Versions {
        self.state.borrow().versions
    }

    /// The document of a version, of which the keys are there.
    pub(super) fn document(&self, version: u64) -> String {
        let state = self.state();
        let keys = [version, version + 1];
        let casts = state.casts.iter().filter(|cast| keys.contains(&cast.number));
        key_set(casts.map(|cast| &cast.key)).to_string()
    }

    /// Makes the next version ready to be given out.
    pub(super) async fn prepare(&self) -> Result<(), SoakError> {
        let state = self.state();
        let cast = Cast::of(state.versions.latest + 2).await?;
        let mut casts = state.casts.clone();
        casts.push(cast);
        let forgotten = casts.len().saturating_sub(REMEMBERED + 2);
        casts.drain(..forgotten);
        self.state.send_replace(Arc::new(State { casts, versions: state.versions }));
        Ok(())
    }

    /// A version is about to be given out.
    pub(super) fn given_out(&self, version: u64) {
        self.change(|versions| versions.latest = version);
    }

    /// Every worker has the version that was given out last.
    pub(super) fn settle(&self) {
        self.change(|versions| versions.settled = versions.latest);
    }

    fn change(&self, change: impl FnOnce(&mut Versions)) {
        self.state.send_modify(|state| {
            let mut versions = state.versions;
            change(&mut versions);
            *state = Arc::new(State { versions, casts: state.casts.clone() });
        });
    }

    /// Waits until a version was given out and is settled; to be asked for the first one only.
    pub(super) async fn settled(&self, version: u64) {
        let mut state = self.state.subscribe();
        let given = || self.fates().contains_key(super::source::GIVEN);
        // It is there for as long as this issuer is.
        drop(state.wait_for(|state| given() && state.versions.settled >= version).await);
    }

    /// A fetch met its fate.
    pub(super) fn count(&self, fate: &'static str) {
        *self.fates.lock().unwrap_or_else(PoisonError::into_inner).entry(fate).or_default() += 1;
    }

    /// How often fetches met each fate.
    pub(super) fn fates(&self) -> BTreeMap<&'static str, u64> {
        self.fates.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A request of a kind. `lot` picks one of several.
    pub(super) fn sample(&self, state: &State, kind: Kind, lot: u64) -> Result<Option<Sample>, SigningError> {
        let signing = state.versions.settled + 1;
        let number = match kind {
            // The one before, which is about to be withdrawn, and those that were.
            Kind::EarlierKey => signing.checked_sub(1 + lot % 3),
            _ => Some(signing),
        };
        let Some(cast) = number.and_then(|number| state.cast(number)) else { return Ok(None) };
        Ok(match kind {
            Kind::Fresh => Some(Sample::new(kind, Some(cast.number), &cast.key.sign(&claims())?)),
            Kind::UnknownKey => {
                let header = json!({ "alg": "ES256", "typ": "at+jwt", "kid": format!("unknown-{lot}") });
                Some(Sample::new(kind, None, &self.stranger.sign_as(&header, claims().members())?))
            }
            Kind::EarlierKey => cast.sample(Kind::Repeated, lot).map(|sample| Sample { kind, ..sample }),
            Kind::NoToken => Some(Sample { kind, key: None, expiry: None, request: request("") }),
            _ => cast.sample(kind, lot),
        })
    }
}

impl State {
    fn cast(&self, number: u64) -> Option<&Arc<Cast>> {
        self.casts.iter().find(|cast| cast.number == number)
    }
}

impl Versions {
    /// Whether a set of a version has a key.
    pub(super) fn has(version: u64, key: u64) -> bool {
        key == version || key == version + 1
    }
}

impl Cast {
    /// Made on a thread of its own: RSA keys take their time.
    async fn of(number: u64) -> Result<Arc<Self>, SoakError> {
        Ok(tokio::task::spawn_blocking(move || Self::make(number)).await?.map(Arc::new)?)
    }

    fn make(number: u64) -> Result<Self, SigningError> {
        let algorithm = match number % 3 {
            0 => Algorithm::Es256,
            1 => Algorithm::Rs256,
            _ => Algorithm::EdDsa,
        };
        let key = SigningKey::new(algorithm, &format!("key-{number}"))?;
        // Another key under the same name.
        let imposter = SigningKey::new(Algorithm::Es256, key.id())?;
        let mut samples = BTreeMap::<Kind, Vec<Sample>>::new();
        let mut add = |kind, token: &Token| {
            samples.entry(kind).or_default().push(Sample::new(kind, Some(number), token));
        };
        for _ in 0..REPEATED {
            add(Kind::Repeated, &key.sign(&claims())?);
        }
        for n in 0..OF_A_KIND {
            let step = u64::try_from(n).unwrap_or(u64::MAX);
            add(Kind::ShortLived, &key.sign(&claims().issued_ago(0, 1 + step * SHORT_STEP))?);
            add(Kind::Expired, &key.sign(&claims().issued_ago(1000 + step, 900))?);
            add(Kind::Tampered, &key.sign(&claims().with("scope", "mail:read"))?.with_scope(SCOPE));
            add(Kind::Imposter, &imposter.sign(&claims())?);
            add(Kind::OtherScope, &key.sign(&claims().with("scope", "mail:read"))?);
            add(Kind::OtherAudience, &key.sign(&claims().with("aud", "mail"))?);
        }
        Ok(Self { number, key, samples })
    }

    fn sample(&self, kind: Kind, lot: u64) -> Option<Sample> {
        let samples = self.samples.get(&kind)?;
        let at = lot.checked_rem(samples.len().try_into().ok()?)?;
        samples.get(usize::try_from(at).ok()?).cloned()
    }
}

impl Sample {
    fn new(kind: Kind, key: Option<u64>, token: &Token) -> Self {
        let field = format!("authorization: Bearer {}\r\n", token.as_str());
        Self { kind, key, expiry: token.expiry(), request: request(&field) }
    }
}

fn claims() -> Claims {
    Claims::new(NAME, AUDIENCE, SCOPE).issued_ago(0, LIFETIME)
}

fn request(field: &str) -> Vec<u8> {
    format!("GET /orders/1 HTTP/1.1\r\nhost: orders.example\r\n{field}\r\n").into_bytes()
}
