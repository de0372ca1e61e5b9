//! What a database of a million grants costs: in time for a token, in memory, and at the start.

use std::time::Instant;

use tessera_bench_report::{Row, Unit};

use super::{
    Suite,
    issuing::{lane, repeated},
};
use crate::{
    cost,
    error::{BenchError, refused},
    material::{Dialect, Population, Proof},
    race::{self, Lane},
    stage::Stage,
};

/// 10³ grants.
const FEW: Population = Population { clients: 100, grants: 10 };
/// 10⁶ grants.
const MANY: Population = Population { clients: 100_000, grants: 10 };

impl Suite {
    pub(super) async fn scale(&self) -> Result<Vec<Row>, BenchError> {
        let few = Stage::make(&self.programs, "ES256", FEW, None, None).await?;
        let many = Stage::make(&self.programs, "ES256", MANY, None, None).await?;
        let mut starts = Vec::new();
        for _ in 0..self.pace.rounds {
            let begun = Instant::now();
            drop(many.serve().await?);
            starts.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        let (with_few, with_many) = (few.serve().await?, many.serve().await?);
        let of_few = repeated(FEW, Proof::Post(&few.secret), Dialect::Tessera)?;
        let of_many = repeated(MANY, Proof::Post(&many.secret), Dialect::Tessera)?;
        let lanes = [
            lane("grants/1000", &with_few, of_few),
            Lane { against: Some("grants/1000".to_owned()), ..lane("grants/1000000", &with_many, of_many) },
        ];
        let mut rows = race::run(&lanes, self.pace).await?;
        for (row, running) in [("memory/1000", &with_few), ("memory/1000000", &with_many)] {
            let bytes = cost::resident(running.process).map_err(refused("read /proc"))?;
            // Less than 2⁵³, so exact.
            let bytes = bytes.to_string().parse().unwrap_or(f64::NAN);
            rows.push(Row::alone(row, Unit::Bytes, &[bytes]));
        }
        rows.push(Row::alone("start/1000000", Unit::Milliseconds, &starts));
        Ok(rows)
    }
}
