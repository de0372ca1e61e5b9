//! `cargo xtask mutants`: small changes of the verifier, one at a time, and whether a test notices each.
//!
//! A change that none notices is a check without a test, or one that stands in verifier/mutants.accepted with the
//! reason why it needs none. What is changed says .cargo/mutants.toml.

mod accepted;

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;

use self::accepted::{Accepted, without_place};
use crate::{
    command::CommandError,
    context::{Context, create_folder, refused},
    failure::Failure,
    plan::carry_out,
    setup::{self, Tool},
};

const EXAMPLES: &str = "\
Examples:
  cargo xtask mutants                          every change, some hours
  cargo xtask mutants src/authenticator.rs     those of one file
  cargo xtask mutants check_times              those of a function
  cargo xtask mutants --shard 0/8              the first of eight parts

A change that no test notices, and that verifier/mutants.accepted does not have, ends the command with status 1.";

/// What `mutants` can be told.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct MutantsArgs {
    /// Regular expressions over `FILE:LINE: CHANGE in FUNCTION`; everything, if there is none.
    #[arg(value_name = "FILTER")]
    filters: Vec<String>,
    /// One part of several, counted from 0.
    #[arg(long, value_name = "K/N")]
    shard: Option<String>,
}

/// Changes that the same tests judge.
struct Pass {
    name: &'static str,
    /// Options of cargo-mutants.
    files: &'static [&'static str],
    /// A profile in .config/nextest.toml.
    tests: &'static str,
    /// How far the verifier is optimised: compiling takes the most time, unless tests do arithmetic.
    opt_level: &'static str,
}

const PASSES: [Pass; 2] = [
    Pass {
        name: "core",
        files: &["--exclude", "verifier/src/crypto/**", "--exclude", "verifier/src/crypto.rs"],
        tests: "mutants",
        opt_level: "0",
    },
    Pass {
        name: "crypto",
        files: &["--file", "verifier/src/crypto/**", "--file", "verifier/src/crypto.rs"],
        tests: "mutants-crypto",
        opt_level: "1",
    },
];

/// How long the tests of one change may take, in seconds.
const TEST_SECONDS: &str = "120";

/// How many cases a property test tries: the first ones notice most changes, and this is asked hundreds of times.
const PROPERTY_CASES: &str = "16";

/// The exit statuses of cargo-mutants that say it did its work: all caught, some missed, some timed out.
const WORKED: [i32; 2] = [2, 3];

/// What came of the changes.
#[derive(Default)]
struct Score {
    caught: usize,
    timeout: usize,
    unviable: usize,
    missed: Vec<String>,
}

pub(crate) fn run(cx: &Context, args: &MutantsArgs) -> Result<(), Failure> {
    carry_out(cx, &[setup::C_COMPILER, setup::NEXTEST, setup::CARGO_MUTANTS])?;
    let path = cx.root.join("verifier").join("mutants.accepted");
    let text = fs::read_to_string(&path).map_err(|error| refused("read", &path, error))?;
    let mut accepted = Accepted::read(&text).map_err(|line| Failure::Check {
        what: format!("{}: line {line} has no reason above it", path.display()),
        remedy: "say why no test is wanted in a line that starts with `#`".to_owned(),
    })?;
    let mut score = Score::default();
    for pass in &PASSES {
        score.add(&change(cx, pass, args)?)?;
    }
    let found = score.missed.len();
    let survivors: Vec<String> =
        score.missed.iter().filter(|name| !accepted.take(&without_place(name))).cloned().collect();
    let Score { caught, timeout, unviable, .. } = score;
    anstream::println!(
        "{} changes: {caught} caught, {found} missed ({} of them accepted), {timeout} timed out, {unviable} unviable",
        caught + found + timeout + unviable,
        found - survivors.len(),
    );
    if survivors.is_empty() {
        return Ok(());
    }
    Err(Failure::Check {
        what: format!("no test notices:\n  {}", survivors.join("\n  ")),
        remedy: "write the test, or add the change to verifier/mutants.accepted with a reason".to_owned(),
    })
}

/// Tests the changes of one pass and says where the results are.
fn change(cx: &Context, pass: &Pass, args: &MutantsArgs) -> Result<PathBuf, Failure> {
    let output = cx.target.join("mutants").join(pass.name);
    // What an earlier run found is not this one's, and a run without any change writes nothing.
    drop(fs::remove_dir_all(&output));
    create_folder(&output.join("mutants.out"))?;
    let config = format!("profile.dev.package.tessera-verifier.opt-level={}", pass.opt_level);
    let ended = Tool::MUTANTS
        .run(cx)
        .args(["--package", "tessera-verifier", "--jobs", "1", "--timeout", TEST_SECONDS])
        .args(pass.files)
        // The library's tests are all there is to build.
        .args(["--cargo-arg=--lib", "--cargo-arg=--config"])
        .args([format!("--cargo-arg={config}")])
        .args(args.filters.iter().map(|filter| format!("--re={filter}")))
        .args(args.shard.iter().map(|shard| format!("--shard={shard}")))
        .args(["--output"])
        .args([&output])
        .env("NEXTEST_PROFILE", pass.tests)
        .env("PROPTEST_CASES", PROPERTY_CASES)
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        // A folder of its own: the dependencies stay built from one run to the next, and the user's builds in peace.
        .env("CARGO_TARGET_DIR", cx.target.join("mutants").join("target"))
        .shown();
    match ended {
        Ok(()) => Ok(output.join("mutants.out")),
        Err(CommandError::Failed { status, .. })
            if status.code().is_some_and(|code| WORKED.contains(&code)) =>
        {
            Ok(output.join("mutants.out"))
        }
        Err(error) => Err(Failure::Build {
            what: "the verifier without any change".to_owned(),
            remedy: "cargo nextest run --package tessera-verifier --features aws-lc".to_owned(),
            source: Some(error),
        }),
    }
}

impl Score {
    fn add(&mut self, results: &Path) -> Result<(), Failure> {
        let lines = |name: &str| {
            let path = results.join(name);
            if !path.exists() {
                return Ok(Vec::new());
            }
            let text = fs::read_to_string(&path).map_err(|error| refused("read", &path, error))?;
            Ok(text.lines().map(str::to_owned).collect::<Vec<_>>())
        };
        self.caught += lines("caught.txt")?.len();
        self.timeout += lines("timeout.txt")?.len();
        self.unviable += lines("unviable.txt")?.len();
        self.missed.extend(lines("missed.txt")?);
        Ok(())
    }
}
