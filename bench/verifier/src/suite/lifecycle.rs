//! What happens once for each instance.

use std::time::Duration;

use cpu_time::ThreadTime;
use tessera_bench_report::Row;
use tessera_verifier::Algorithm;

use super::Suite;
use crate::{
    contender::{Blank, Contender, Runtime},
    error::BenchError,
    material::{Issuer, PolicyShape},
    race::Race,
};

/// Makes instances and lets them go.
struct Instantiate(Runtime);

/// The first decision of an instance: nothing is cached, and no key has tables yet.
struct FirstCall {
    runtime: Runtime,
    policy: String,
    token: String,
}

/// Reads a policy.
struct Load {
    blank: Blank,
    policy: String,
}

impl Suite {
    /// Each in a race of its own: they are compared with nothing.
    pub(super) fn lifecycle(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::Es256)?;
        let one = PolicyShape::warm(vec![issuer.jwk()]);
        let policy = one.document();
        let many = PolicyShape { routes: 1000, ..one }.document();

        let mut rows = self.alone("instantiate", Instantiate(self.baseline.clone()))?;
        let first = FirstCall { runtime: self.baseline.clone(), policy, token: issuer.token(0)? };
        rows.extend(self.alone("first-call", first)?);
        let load = Load { blank: self.baseline.instantiate()?, policy: many };
        rows.extend(self.alone("load/policy-1000", load)?);
        Ok(rows)
    }

    fn alone(&self, row: &str, contender: impl Contender + 'static) -> Result<Vec<Row>, BenchError> {
        let mut race = Race::new(self.pace);
        race.enter(row, contender);
        race.run()
    }
}

impl Contender for Instantiate {
    fn decide(&mut self) -> Result<(), BenchError> {
        self.0.instantiate().map(drop)
    }
}

impl Contender for FirstCall {
    fn decide(&mut self) -> Result<(), BenchError> {
        self.sample(1).map(drop)
    }

    /// Making the instance and loading the policy are not part of it.
    fn sample(&mut self, calls: u32) -> Result<Duration, BenchError> {
        let mut time = Duration::ZERO;
        for _ in 0..calls {
            let mut instance = self.runtime.load(&self.policy, &self.token)?;
            let start = ThreadTime::now();
            instance.decide()?;
            time += start.elapsed();
        }
        Ok(time)
    }
}

impl Contender for Load {
    fn decide(&mut self) -> Result<(), BenchError> {
        self.blank.try_out(&self.policy)
    }
}
