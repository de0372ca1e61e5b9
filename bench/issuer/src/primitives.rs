//! What the signatures alone take: no server can issue more tokens than its processor signs.

use std::{hint::black_box, time::Duration};

use aws_lc_rs::{
    rand::SystemRandom,
    rsa::KeySize,
    signature::{
        ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_2048_8192_SHA256,
        RSA_PKCS1_SHA256, RsaKeyPair, UnparsedPublicKey,
    },
};
use cpu_time::ThreadTime;
use tessera_bench_report::{Row, Unit};

use crate::{error::BenchError, race::Pace};

/// As long as what is signed of a token is, in bytes.
const MESSAGE: [u8; 400] = [b'x'; 400];
/// Operations between two looks at the clock.
const BATCH: u32 = 16;

/// A row for each.
pub(crate) fn measure(pace: Pace) -> Result<Vec<Row>, BenchError> {
    let unmade = |_| BenchError::Key;
    let random = SystemRandom::new();
    let es256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(unmade)?;
    let rs256 = RsaKeyPair::generate(KeySize::Rsa2048).map_err(unmade)?;
    let mut signature = vec![0; rs256.public_modulus_len()];
    rs256.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).map_err(unmade)?;
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, rs256.public_key().as_ref().to_vec());
    let verified = signature.clone();
    Ok(vec![
        row("sign/es256", pace, || es256.sign(&random, &MESSAGE).is_ok()),
        row("sign/rs256", pace, || rs256.sign(&RSA_PKCS1_SHA256, &random, &MESSAGE, &mut signature).is_ok()),
        row("verify/rs256", pace, || public.verify(&MESSAGE, &verified).is_ok()),
    ])
}

fn row(name: &str, pace: Pace, mut operation: impl FnMut() -> bool) -> Row {
    let rounds: Vec<f64> = (0..pace.rounds).map(|_| rate(pace.turn / 8, &mut operation)).collect();
    Row::alone(name, Unit::PerCpuSecond, &rounds)
}

/// Operations in a second of processor time.
fn rate(turn: Duration, operation: &mut impl FnMut() -> bool) -> f64 {
    let start = ThreadTime::now();
    let mut done = 0;
    loop {
        for _ in 0..BATCH {
            black_box(operation());
        }
        done += BATCH;
        let elapsed = start.elapsed();
        if elapsed >= turn {
            return f64::from(done) / elapsed.as_secs_f64();
        }
    }
}
