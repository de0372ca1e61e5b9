//! What it costs to know that a token was not revoked: warm decisions, each with the list looked up.

use tessera_bench_report::Row;
use tessera_verifier::{Algorithm, Backend};

use super::Suite;
use crate::{
    contender::{Contender, Instance, Native},
    error::BenchError,
    material::{Issuer, PolicyShape, STATUS_INDEX},
    race::Race,
};

/// A policy and a token to decide about.
struct Setting {
    name: &'static str,
    policy: String,
    token: String,
    /// The status list, if the policy asks for one.
    list: Option<String>,
}

impl Suite {
    /// Each build in a race of its own, against itself without a status.
    pub(super) fn statuses(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::Es256)?;
        let plain = PolicyShape::warm(vec![issuer.jwk()]);
        let asking = PolicyShape { status: true, ..PolicyShape::warm(vec![issuer.jwk()]) };
        let with_status = issuer.token_with_status(0, STATUS_INDEX)?;
        let settings = [
            Setting { name: "off", policy: plain.document(), token: issuer.token(0)?, list: None },
            Setting { name: "ignored", policy: plain.document(), token: with_status.clone(), list: None },
            Setting {
                name: "on",
                policy: asking.document(),
                token: with_status,
                list: Some(issuer.status_list()?),
            },
        ];
        let mut rows = race(self, "native", &settings, |setting| {
            let mut native = Native::new("native", Backend::AwsLc, &setting.policy, &setting.token)?;
            setting.list.iter().try_for_each(|list| native.supply(list))?;
            Ok(native)
        })?;
        for runtime in [&self.baseline, &self.wide] {
            rows.extend(race(self, runtime.name, &settings, |setting| {
                let mut instance: Instance = runtime.load(&setting.policy, &setting.token)?;
                setting.list.iter().try_for_each(|list| instance.supply(list))?;
                Ok(instance)
            })?);
        }
        Ok(rows)
    }
}

fn race<C: Contender + 'static>(
    suite: &Suite,
    build: &str,
    settings: &[Setting],
    enter: impl Fn(&Setting) -> Result<C, BenchError>,
) -> Result<Vec<Row>, BenchError> {
    let mut race = Race::new(suite.pace);
    for setting in settings {
        race.enter(format!("status/{build}/{}", setting.name), enter(setting)?);
    }
    race.run()
}
