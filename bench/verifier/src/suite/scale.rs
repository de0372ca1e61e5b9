//! What grows with the policy, the key set and the token cache, and what does not.

use tessera_bench_report::{Row, Unit};
use tessera_verifier::Algorithm;

use super::Suite;
use crate::{
    contender::{Contender, Instance},
    error::BenchError,
    material::{Issuer, MaterialError, PolicyShape},
    race::Race,
};

/// The row that ratios are against comes first.
const RULES: [usize; 3] = [1, 100, 1000];
const KEYS: [usize; 2] = [1, 100];
const CACHED: [usize; 2] = [1, 100_000];

/// The most that a policy may give its token cache, in bytes: enough for what [`CACHED`] asks for.
const CACHE_BYTES: usize = 1 << 30;

/// An instance that is asked about other tokens each time.
struct Crowd {
    instance: Instance,
    /// Values of the Authorization field.
    tokens: Vec<String>,
    at: usize,
}

/// The tokens are taken in steps of this size: a prime, so that all are met, and far apart in memory.
const STRIDE: usize = 48_271;

impl Suite {
    /// Warm decisions by policies with many routes, of which the request meets the last.
    pub(super) fn rules(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::Es256)?;
        let token = issuer.token(0)?;
        let mut race = Race::new(self.pace);
        for routes in RULES {
            let policy = PolicyShape { routes, ..PolicyShape::warm(vec![issuer.jwk()]) };
            race.enter(format!("rules/{routes}"), self.baseline.load(&policy.document(), &token)?);
        }
        race.run()
    }

    /// Cold decisions with key sets of many keys, of which the token names the last.
    pub(super) fn key_sets(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::Es256)?;
        let token = issuer.token(0)?;
        let mut race = Race::new(self.pace);
        for keys in KEYS {
            let mut set = Vec::new();
            for number in 1..keys {
                set.push(Issuer::with_key_id(Algorithm::Es256, format!("other-{number}"))?.jwk());
            }
            set.push(issuer.jwk());
            let policy = PolicyShape::cold(set).document();
            race.enter(format!("jwks/{keys}"), self.baseline.load(&policy, &token)?);
        }
        race.run()
    }

    /// Warm decisions with a cache full of tokens, and the memory that the guest takes for it.
    pub(super) fn caches(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::EdDsa)?;
        let (mut race, mut memory) = (Race::new(self.pace), Vec::new());
        for entries in CACHED {
            let cache = Some((entries, CACHE_BYTES));
            let policy = PolicyShape { cache, ..PolicyShape::warm(vec![issuer.jwk()]) }.document();
            let mut crowd = Crowd::new(&issuer, entries, self.baseline.load(&policy, "")?)?;
            crowd.all_once()?;
            let bytes = crowd.instance.memory();
            memory.push(Row::alone(
                &format!("memory/cache-{entries}"),
                Unit::Bytes,
                &[bytes_as_figure(bytes)],
            ));
            race.enter(format!("cache/{entries}"), crowd);
        }
        let mut rows = race.run()?;
        rows.extend(memory);
        Ok(rows)
    }
}

impl Crowd {
    fn new(issuer: &Issuer, size: usize, instance: Instance) -> Result<Self, MaterialError> {
        Ok(Self { tokens: issuer.authorizations(size)?, instance, at: 0 })
    }

    fn all_once(&mut self) -> Result<(), BenchError> {
        for token in &self.tokens {
            self.instance.carry(token);
            self.instance.decide()?;
        }
        Ok(())
    }
}

impl Contender for Crowd {
    fn decide(&mut self) -> Result<(), BenchError> {
        self.at = (self.at + STRIDE) % self.tokens.len();
        if let Some(token) = self.tokens.get(self.at) {
            self.instance.carry(token);
        }
        self.instance.decide()
    }
}

/// Memory as a figure among others.
pub(super) fn bytes_as_figure(bytes: usize) -> f64 {
    // A guest's memory ends at 4 GiB.
    f64::from(u32::try_from(bytes).unwrap_or(u32::MAX))
}
