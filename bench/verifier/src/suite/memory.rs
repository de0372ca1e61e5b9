//! Whether memory grows with the number of decisions.

use tessera_bench_report::{Row, Unit};
use tessera_verifier::Algorithm;

use super::{Suite, scale::bytes_as_figure};
use crate::{
    error::BenchError,
    material::{Issuer, PolicyShape},
};

/// The bounds of the token cache, in entries and bytes.
const CACHE: (usize, usize) = (1000, 16 << 20);

/// Distinct tokens: several times what the cache holds, so that entries come and go all the time.
const TOKENS: usize = 4000;

/// Out of so many decisions one meets a token that the cache has forgotten meanwhile, and the first few are refused.
const CYCLE: usize = 1000;
const REFUSED: [&str; 3] = ["", "Bearer not.a.token", "Basic Y2hlY2tvdXQ6c2VjcmV0"];

impl Suite {
    /// Decisions of every kind by one instance, and by how many bytes the guest's memory grew meanwhile.
    pub(super) fn decisions(&self) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(Algorithm::EdDsa)?;
        let policy = PolicyShape { cache: Some(CACHE), ..PolicyShape::warm(vec![issuer.jwk()]) }.document();
        let tokens = issuer.authorizations(TOKENS)?;
        let mut instance = self.baseline.load(&policy, "")?;
        // The cache fills up, the keys get their tables, and each kind of refusal is met.
        for authorization in tokens.iter().map(String::as_str).chain(REFUSED) {
            instance.carry(authorization);
            instance.ask()?;
        }
        let before = instance.memory();
        let mut tokens = tokens.iter().cycle();
        for number in 0..self.pace.decisions {
            match REFUSED.get(number % CYCLE) {
                Some(refused) => instance.carry(refused),
                // The first after the refusals brings another token, and the rest of the cycle that one again.
                None if number % CYCLE == REFUSED.len() => {
                    instance.carry(tokens.next().map_or("", String::as_str));
                }
                None => {}
            }
            instance.ask()?;
        }
        let grown = bytes_as_figure(instance.memory() - before);
        Ok(vec![Row::alone(&format!("decisions/{}", self.pace.decisions), Unit::Bytes, &[grown])])
    }
}
