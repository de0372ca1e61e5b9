//! `cargo xtask` starts here: a program without dependencies, compiled in a second, which says what the first minute
//! is spent on. It compiles the program proper, with progress shown, and becomes it.

use std::{
    env, io,
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, ExitCode},
};

/// The exit status of `cargo xtask` where something did not compile.
const DID_NOT_COMPILE: u8 = 4;

fn main() -> ExitCode {
    match start() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: `cargo xtask` could not be started: {error}");
            ExitCode::from(DID_NOT_COMPILE)
        }
    }
}

/// Returns only where the program proper could not be compiled.
fn start() -> io::Result<ExitCode> {
    let program = program()?;
    let is_first = !program.is_file();
    if is_first {
        eprintln!("compiling `cargo xtask` itself (the first time, about a minute on two cores)");
    }
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut build = Command::new(cargo);
    build.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args(["build", "--bin", "xtask"]);
    // With the features of every other build, so that those find compiled what this one compiles.
    build.args(["--package", "xtask", "--package", "xtask-features"]);
    if !is_first {
        build.arg("--quiet");
    }
    if !build.status()?.success() {
        return Ok(ExitCode::from(DID_NOT_COMPILE));
    }
    Err(Command::new(program).args(env::args_os().skip(1)).exec())
}

/// Cargo puts both programs into the same folder.
fn program() -> io::Result<PathBuf> {
    Ok(env::current_exe()?.with_file_name("xtask"))
}
