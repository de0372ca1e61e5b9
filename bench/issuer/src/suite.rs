//! What is measured, and in which company.

mod issuing;
mod latency;
mod scale;

use tessera_bench_report::Row;

use crate::{
    error::BenchError,
    material::{Key, Population},
    primitives,
    race::Pace,
    stage::Programs,
};

/// The database of most rows: 10⁴ clients and 10⁵ grants.
const USUAL: Population = Population { clients: 10_000, grants: 10 };
/// Different requests that may be put again: as many as two for each client.
const REQUESTS: u32 = 20_000;

/// Everything that is measured.
pub(crate) struct Suite {
    programs: Programs,
    pace: Pace,
    only: Vec<Group>,
    /// Of every client, for `private_key_jwt`.
    own_key: Key,
    /// Of the platform that gives tokens to workloads.
    platform: Key,
}

/// What can be chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Group {
    /// The signatures alone.
    Primitives,
    /// ES256 tokens, however clients prove themselves.
    Es256,
    /// RS256 tokens.
    Rs256,
    /// Tokens that are signed in a PKCS #11 token, beside those that are signed in memory.
    Pkcs11,
    /// How soon answers come at 70 % of the load that the issuer can bear.
    Latency,
    /// What a database of a million grants costs.
    Scale,
}

impl Suite {
    pub(crate) fn new(programs: Programs, pace: Pace, only: Vec<Group>) -> Result<Self, BenchError> {
        Ok(Self { programs, pace, only, own_key: Key::es256()?, platform: Key::rs256()? })
    }

    pub(crate) async fn run(&self) -> Result<Vec<Row>, BenchError> {
        let mut rows: Vec<Row> = Vec::new();
        if self.wants(Group::Primitives) {
            rows.extend(primitives::measure(self.pace)?);
        }
        if self.wants(Group::Es256) {
            rows.extend(self.es256().await?);
        }
        if self.wants(Group::Rs256) {
            rows.extend(self.rs256().await?);
        }
        if self.wants(Group::Pkcs11) {
            rows.extend(self.pkcs11().await?);
        }
        if self.wants(Group::Latency) {
            rows.extend(self.latency().await?);
        }
        if self.wants(Group::Scale) {
            rows.extend(self.scale().await?);
        }
        Ok(rows)
    }

    fn wants(&self, group: Group) -> bool {
        let wanted = self.only.is_empty() || self.only.contains(&group);
        if wanted {
            eprintln!("{group:?}");
        }
        wanted
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;
    use tessera_bench_report::groups;

    use super::*;

    #[test]
    fn every_group_can_be_chosen_before_this_program_is_built() {
        let names: Vec<String> = Group::value_variants()
            .iter()
            .filter_map(|group| Some(group.to_possible_value()?.get_name().to_owned()))
            .collect();
        assert_eq!(names, groups::ISSUER);
    }
}
