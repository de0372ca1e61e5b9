//! `cargo xtask fuzz`: the targets in fuzz/, seeded from the conformance corpus, each for its share of the time.
//!
//! What a target learns stays in the cache, and the next run goes on from there.

mod report;
mod seeds;

use std::{
    fs::{self, File},
    path::PathBuf,
    time::Instant,
};

use clap::{Args, ValueEnum};

use self::report::Report;
use crate::{
    command::{CommandError, Run},
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::{Step, carry_out},
    setup::{self, Tool},
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask fuzz 600               every target, for ten minutes in all
  cargo xtask fuzz 60 json policy    two of them, half a minute each

A target that finds something ends the command with status 1; the input is named, and its text is a test to be.
What the targets learn is kept in $TESSERA_CACHE/fuzz.";

/// What `fuzz` can be told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct FuzzArgs {
    /// How long to fuzz, in seconds, all targets together.
    seconds: u64,
    /// What to fuzz; everything, if nothing is named.
    targets: Vec<Target>,
}

/// What is fuzzed: the binaries of fuzz/.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub(crate) enum Target {
    /// Tokens, whatever is done to them.
    Token,
    /// Key sets as they may be fetched.
    Jwks,
    /// Policy documents.
    Policy,
    /// Requests, against a policy with every feature.
    Request,
    /// Our own cryptography against aws-lc.
    Signatures,
    /// Our own JSON parser against `serde_json`.
    Json,
    /// Status lists as they may be fetched.
    Status,
}

/// The longest input worth trying, in bytes: as long as the longest token.
const INPUT_BYTES: usize = 8 * 1024;

/// How long one input may take, in seconds. The longest ones that should be are over in milliseconds.
const INPUT_SECONDS: u32 = 10;

const STEPS: &[Step] = &[
    setup::C_COMPILER,
    setup::CXX_COMPILER,
    setup::CARGO_FUZZ,
    Step { title: "seeds from the conformance corpus", run: seeds::write },
    Step { title: "fuzz targets", run: build },
];

impl Target {
    fn name(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
    }
}

pub(crate) fn run(cx: &Context, args: &FuzzArgs) -> Result<(), Failure> {
    carry_out(cx, STEPS)?;
    let targets = if args.targets.is_empty() { Target::value_variants() } else { &args.targets };
    let share = (args.seconds / u64::try_from(targets.len()).unwrap_or(1)).max(1);
    let mut finds = Vec::new();
    anstream::println!("{}", Report::HEADING);
    for target in targets {
        let (report, find) = fuzz(cx, *target, share)?;
        anstream::println!("{:<12}{report}", target.name());
        finds.extend(find);
    }
    if finds.is_empty() {
        return Ok(());
    }
    Err(Failure::Check {
        what: format!("fuzzing found something:\n  {}", finds.join("\n  ")),
        remedy: "read the log beside the input, mend what it shows, and keep the input as a test with a name"
            .to_owned(),
    })
}

/// No sanitizer: the verifier has no `unsafe` that one could watch, and the C of aws-lc is built without. What is
/// looked for are panics, overflows and broken promises, and without one there are several times as many inputs.
fn cargo_fuzz(cx: &Context, command: &str) -> Run {
    Tool::FUZZ
        .run(cx)
        .args([command, "--sanitizer", "none", "--fuzz-dir", "fuzz", "--target-dir"])
        .args([&cx.target])
        // Coverage counters are an unstable option of the compiler, and the only one that is needed.
        .env("RUSTC_BOOTSTRAP", "1")
        // Link-time optimisation takes minutes for each target.
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_STRIP", "none")
}

fn build(cx: &Context) -> Result<String, Failure> {
    cargo_fuzz(cx, "build").shown().map_err(|error| Failure::Build {
        what: "a fuzz target".to_owned(),
        remedy: "mend what the compiler says above, then run the same again".to_owned(),
        source: Some(error),
    })?;
    Ok("built".to_owned())
}

/// Fuzzes one target and says what came of it, and the file of a find.
fn fuzz(cx: &Context, target: Target, seconds: u64) -> Result<(Report, Option<String>), Failure> {
    let name = target.name();
    let (corpus, finds) = (folder(cx, "corpus", &name), folder(cx, "finds", &name));
    create_folder(&corpus)?;
    create_folder(&finds)?;
    let log = home(cx).join(format!("{name}.log"));
    let file = File::create(&log).map_err(|error| refused("write", &log, error))?;
    let began = Instant::now();
    let ended = cargo_fuzz(cx, "run")
        .args([&name])
        .args([&corpus, &folder(cx, "seeds", &name)])
        .args(["--", "-print_final_stats=1", "-use_value_profile=1"])
        .args([format!("-max_total_time={seconds}"), format!("-timeout={INPUT_SECONDS}")])
        .args([format!("-max_len={INPUT_BYTES}"), format!("-dict={}", seeds::dictionary(cx).display())])
        .args([format!("-artifact_prefix={}/", finds.display())])
        .logged(&file);
    let text = fs::read_to_string(&log).map_err(|error| refused("read", &log, error))?;
    let report = Report::read(&text, began.elapsed());
    match ended {
        Ok(()) => Ok((report, None)),
        Err(CommandError::Failed { .. }) => {
            let input = report.find.clone().unwrap_or_else(|| "no input".to_owned());
            Ok((report, Some(format!("{name}: {input}, {}", log.display()))))
        }
        Err(error) => Err(Failure::Missing {
            what: "cargo-fuzz".to_owned(),
            remedy: "cargo xtask fuzz 1".to_owned(),
            source: Some(error),
        }),
    }
}

fn home(cx: &Context) -> PathBuf {
    cx.cache.join("fuzz")
}

fn folder(cx: &Context, kind: &str, target: &str) -> PathBuf {
    home(cx).join(kind).join(target)
}
