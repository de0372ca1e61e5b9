//! The long run in short; `cargo xtask soak` makes it a long one.

use tessera_tests::soak::{Plan, run};

use super::program;
use crate::stage;

const REQUESTS: u64 = 20_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_short_long_run_finds_nothing() {
    let filter = stage().artefacts.envoy_filter().unwrap();
    let plan = Plan { envoy: program(), filter, requests: REQUESTS };
    let summary = run(&plan, |_| {}).await.unwrap();
    assert_eq!(summary.faults(), [""; 0], "{summary}");
    assert!(summary.rotations > 0, "{summary}");
    assert!(summary.reloads > 0, "{summary}");
    assert!(summary.tally.answered() > REQUESTS / 2, "{summary}");
}
