//! Tokens, however clients prove themselves.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_bench_report::Row;

use super::{REQUESTS, Suite, USUAL};
use crate::{
    error::BenchError,
    load::Requests,
    material::{Dialect, Order, Population, Proof, joined},
    race::{self, Lane, Supply},
    stage::{ISSUER, Running, Stage, folder, peer},
};

/// Assertions of clients' own keys in a turn, each good for once.
const OWN_ASSERTIONS: u32 = 20_000;
/// Assertions of the platform in a turn: making one takes longer than taking it.
const PLATFORM_ASSERTIONS: u32 = 6_000;
/// The peer's own name, which is the audience of assertions for it.
const PEER: &str = "http://127.0.0.1";

/// The peer, and the folder that it runs in.
pub(super) struct Peer {
    running: Running,
    _folder: TempDir,
}

impl Suite {
    pub(super) async fn es256(&self) -> Result<Vec<Row>, BenchError> {
        let stage = self.usual("ES256").await?;
        let secure = stage.listen_on_tls()?;
        let issuer = stage.serve().await?;
        let with_status = self.usual("ES256").await?;
        with_status.give_status().await?;
        let status_issuer = with_status.serve().await?;
        let post = self.peer("ES256", "client_secret_post", &stage.secret).await?;
        let basic = self.peer("ES256", "client_secret_basic", &stage.secret).await?;
        let own_key = self.peer("ES256", "private_key_jwt", &stage.secret).await?;
        let secret = &*stage.secret;
        let lanes = [
            lane("client_credentials/es256/oidc-provider", &post.running, peers(Proof::Post(secret))?),
            against_peer("client_credentials/es256", &issuer, ours(Proof::Post(secret))?),
            lane("client_secret_basic/es256/oidc-provider", &basic.running, peers(Proof::Basic(secret))?),
            against_peer("client_secret_basic/es256", &issuer, ours(Proof::Basic(secret))?),
            lane(
                "private_key_jwt/es256/oidc-provider",
                &own_key.running,
                self.own(PEER, Dialect::OidcProvider),
            ),
            against_peer("private_key_jwt/es256", &issuer, self.own(ISSUER, Dialect::Tessera)),
            Lane {
                against: Some("client_credentials/es256/tessera".to_owned()),
                ..lane("with-status/es256/tessera", &status_issuer, ours(Proof::Post(&with_status.secret))?)
            },
            Lane {
                against: Some("client_credentials/es256/tessera".to_owned()),
                target: secure,
                ..lane("over-tls/es256/tessera", &issuer, ours(Proof::Post(secret))?)
            },
            Lane {
                against: Some("client_credentials/es256/tessera".to_owned()),
                ..lane("jwt-bearer/es256/tessera", &issuer, self.of_platform())
            },
        ];
        race::run(&lanes, self.pace).await
    }

    pub(super) async fn rs256(&self) -> Result<Vec<Row>, BenchError> {
        let stage = self.usual("RS256").await?;
        let issuer = stage.serve().await?;
        let post = self.peer("RS256", "client_secret_post", &stage.secret).await?;
        let secret = &*stage.secret;
        let lanes = [
            lane("client_credentials/rs256/oidc-provider", &post.running, peers(Proof::Post(secret))?),
            against_peer("client_credentials/rs256", &issuer, ours(Proof::Post(secret))?),
        ];
        race::run(&lanes, self.pace).await
    }

    /// What a module costs: the same requests to an issuer with its key in memory, and to one with its key in SoftHSM.
    pub(super) async fn pkcs11(&self) -> Result<Vec<Row>, BenchError> {
        let stage = self.usual("ES256").await?;
        let in_token = Stage::make_in_token(&self.programs, "ES256", USUAL).await?;
        let (memory, module) = (stage.serve().await?, in_token.serve().await?);
        let lanes = [
            lane("pkcs11/es256/in-memory", &memory, ours(Proof::Post(&stage.secret))?),
            Lane {
                against: Some("pkcs11/es256/in-memory".to_owned()),
                ..lane("client_credentials/es256/pkcs11", &module, ours(Proof::Post(&in_token.secret))?)
            },
        ];
        race::run(&lanes, self.pace).await
    }

    /// Load on the issuer, for whoever looks at it meanwhile.
    pub(crate) async fn keep(&self, seconds: u64) -> Result<(), BenchError> {
        let stage = self.usual("ES256").await?;
        let issuer = stage.serve().await?;
        let lane = lane("client_credentials/es256/tessera", &issuer, ours(Proof::Post(&stage.secret))?);
        eprintln!("process {}", issuer.process);
        let end = Instant::now() + Duration::from_secs(seconds);
        while Instant::now() < end {
            let (answered, time) = lane.turn(self.pace.turn).await?;
            let cost = time.as_secs_f64() * 1e6 / f64::from(answered.count);
            eprintln!(
                "{} tokens in {:.2} s, {cost:.1} µs of processor time each",
                answered.count,
                answered.took.as_secs_f64()
            );
        }
        Ok(())
    }

    pub(super) async fn usual(&self, algorithm: &'static str) -> Result<Stage, BenchError> {
        Stage::make(&self.programs, algorithm, USUAL, Some(&self.own_key), Some(&self.platform)).await
    }

    async fn peer(&self, algorithm: &'static str, method: &str, secret: &str) -> Result<Peer, BenchError> {
        let clients = (0..USUAL.clients).map(|number| self.client_of_peer(number, method, secret)).collect();
        let folder = folder()?;
        let running = peer(&self.programs, folder.path(), algorithm, clients).await?;
        Ok(Peer { running, _folder: folder })
    }

    fn client_of_peer(&self, number: u32, method: &str, secret: &str) -> Value {
        let common = json!({ "client_id": Population::client(number), "token_endpoint_auth_method": method });
        let proof = if method == "private_key_jwt" {
            json!({ "jwks": self.own_key.jwks() })
        } else {
            json!({ "client_secret": secret })
        };
        joined(common, proof)
    }

    fn own(&self, audience: &'static str, dialect: Dialect) -> Supply<'_> {
        let proof = Proof::OwnKey(&self.own_key, audience);
        Supply::Fresh(Order { population: USUAL, count: OWN_ASSERTIONS, proof, dialect })
    }

    fn of_platform(&self) -> Supply<'_> {
        let proof = Proof::Platform(&self.platform, ISSUER);
        Supply::Fresh(Order {
            population: USUAL,
            count: PLATFORM_ASSERTIONS,
            proof,
            dialect: Dialect::Tessera,
        })
    }
}

/// What is asked of the issuer, again and again.
pub(super) fn ours(proof: Proof<'_>) -> Result<Supply<'static>, BenchError> {
    repeated(USUAL, proof, Dialect::Tessera)
}

fn peers(proof: Proof<'_>) -> Result<Supply<'static>, BenchError> {
    repeated(USUAL, proof, Dialect::OidcProvider)
}

pub(super) fn repeated(
    population: Population,
    proof: Proof<'_>,
    dialect: Dialect,
) -> Result<Supply<'static>, BenchError> {
    let order = Order { population, count: REQUESTS, proof, dialect };
    order.write().map(Requests::repeated).map(Supply::Repeated)
}

/// A lane whose ratio is against nobody's.
pub(super) fn lane<'a>(row: &str, running: &Running, supply: Supply<'a>) -> Lane<'a> {
    Lane {
        row: row.to_owned(),
        against: None,
        target: running.target.clone(),
        process: running.process,
        algorithm: running.algorithm,
        supply,
    }
}

/// The issuer's lane in a race with the peer.
fn against_peer<'a>(kind: &str, issuer: &Running, supply: Supply<'a>) -> Lane<'a> {
    Lane {
        against: Some(format!("{kind}/oidc-provider")),
        ..lane(&format!("{kind}/tessera"), issuer, supply)
    }
}
