//! `soak --envoy PATH --filter PATH [REQUESTS]`: the long run of the filter in a real Envoy, for `cargo xtask soak`.
//!
//! Progress goes to stderr, the summary to stdout. It ends with 1 if anything was not as it has to be.

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_tests::soak::{Plan, Progress, run};

/// The long run of the filter in a real Envoy.
#[derive(Debug, Parser)]
struct Cli {
    /// The binary of Envoy.
    #[arg(long, value_name = "PATH")]
    envoy: PathBuf,
    /// The filter.
    #[arg(long, value_name = "PATH")]
    filter: PathBuf,
    /// How many requests to make.
    #[arg(default_value_t = 1_000_000)]
    requests: u64,
}

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    let Cli { envoy, filter, requests } = Cli::parse();
    let tell = |Progress { elapsed, answered, wrong, memory }| {
        let (seconds, megabytes) = (elapsed.as_secs(), memory / 1024 / 1024);
        eprintln!("{seconds:>5} s {answered:>9} requests {wrong:>5} wrong {megabytes:>5} MB");
    };
    let plan = Plan { envoy, filter, requests };
    let summary = tokio::select! {
        summary = run(&plan, tell) => summary,
        // Leaving by way of this function ends Envoy.
        _ = tokio::signal::ctrl_c() => return ExitCode::FAILURE,
    };
    let summary = match summary {
        Ok(summary) => summary,
        Err(error) => {
            eprintln!("the run broke off: {error}");
            return ExitCode::FAILURE;
        }
    };
    println!("{summary}");
    let faults = summary.faults();
    for fault in &faults {
        eprintln!("fault: {fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
