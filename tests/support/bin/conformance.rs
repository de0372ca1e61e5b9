//! Holds hosts of the verifier against the conformance corpus: prints each disagreement, then a table.

use std::{error::Error, path::PathBuf, process::ExitCode};

use clap::Parser;
use tessera_tests::conformance::{CaseFile, Host, Report, cases_folder, compare};

const HELP: &str = "\
A host is a command that is run once for each file of cases, with the path of the file as its last argument. It writes
a verdict for each case, a line each: {\"id\", \"verdict\", \"error\", \"status\", \"challenge\", \"grant\"}. The whole
contract is in tests/vectors/README.md.

Exit status:
  0  they agree about every case
  1  they do not
  2  the command line is wrong, a file cannot be read or a host cannot be run

Examples:
  conformance --host 'tessera verify --cases' --host 'tessera verify --native --cases'
  conformance --host 'python3 my_host.py' --cases tests/vectors/cases/claims.jsonl";

/// Hold hosts of the verifier against the conformance corpus.
#[derive(Debug, Parser)]
#[command(name = "conformance", after_help = HELP)]
struct Arguments {
    /// The host's command line, as a shell reads it; repeat for more
    #[arg(long = "host", value_name = "COMMAND", required = true)]
    hosts: Vec<String>,
    /// Files of cases [default: all of tests/vectors/cases]
    #[arg(long, value_name = "FILE", num_args = 1..)]
    cases: Vec<PathBuf>,
    /// Print what came of it as JSON
    #[arg(long)]
    json: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(report) => {
            if arguments.json {
                println!("{}", report.to_json());
            } else {
                print!("{report}");
            }
            ExitCode::from(u8::from(report.disagreements() > 0))
        }
        Err(error) => {
            eprintln!("error: {error}");
            if let Some(cause) = error.source() {
                eprintln!("  because: {cause}");
            }
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<Report, Box<dyn Error>> {
    let files = if arguments.cases.is_empty() {
        CaseFile::read_all(&cases_folder())?
    } else {
        arguments.cases.iter().map(|path| CaseFile::read(path)).collect::<Result<_, _>>()?
    };
    let mut report = Report::default();
    for host in &arguments.hosts {
        for file in &files {
            report.add(compare(&Host::new(host), file)?);
        }
    }
    Ok(report)
}
