//! Each algorithm, cold and warm, with its peers.

use std::path::Path;

use serde_json::Value;
use tessera_bench_report::Row;
use tessera_verifier::{Algorithm, Backend};

use super::Suite;
use crate::{
    contender::{JsonWebToken, Native, Peer},
    error::BenchError,
    material::{Issuer, PolicyShape},
    race::Race,
};

/// The algorithms that peers in other languages are asked about: one of each kind of key.
const FOR_SCALE: [Algorithm; 3] = [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa];

impl Suite {
    /// One algorithm, everybody in one race.
    pub(super) fn signatures(&self, prefix: &str, algorithm: Algorithm) -> Result<Vec<Row>, BenchError> {
        let issuer = Issuer::new(algorithm)?;
        let (jwk, token) = (issuer.jwk(), issuer.token(0)?);
        let cold = PolicyShape::cold(vec![jwk.clone()]).document();
        let warm = PolicyShape::warm(vec![jwk.clone()]).document();

        let mut race = Race::new(self.pace);
        let peer = JsonWebToken::new(algorithm, &jwk, token.clone())?;
        race.enter(format!("{prefix}/cold/jsonwebtoken"), peer);
        for (state, policy) in [("cold", &cold), ("warm", &warm)] {
            for (name, backend) in [("native", Backend::AwsLc), ("native-portable", Backend::Portable)] {
                let native = Native::new(name, backend, policy, &token)?;
                race.enter(format!("{prefix}/{state}/{name}"), native);
            }
            for runtime in [&self.baseline, &self.wide] {
                race.enter(format!("{prefix}/{state}/{}", runtime.name), runtime.load(policy, &token)?);
            }
        }
        if FOR_SCALE.contains(&algorithm) {
            self.enter_peers(&mut race, prefix, algorithm, &jwk, &token)?;
        }
        race.run()
    }

    /// The peers in other languages that there are.
    fn enter_peers(
        &self,
        race: &mut Race,
        prefix: &str,
        algorithm: Algorithm,
        jwk: &Value,
        token: &str,
    ) -> Result<(), BenchError> {
        let Some(judges) = &self.judges else { return Ok(()) };
        let python = self.python.as_deref();
        for (name, program, script) in
            [("jose", Some(Path::new("node")), "stopwatch.mjs"), ("pyjwt", python, "stopwatch.py")]
        {
            let Some(program) = program else { continue };
            let peer = Peer::start(name, program, &judges.join(script), algorithm, jwk, token)?;
            race.enter(format!("{prefix}/cold/{name}"), peer);
        }
        Ok(())
    }
}
