//! `tessera policy`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use tessera_policy_file::{Bounds, PolicyFile, ReadError};
use tessera_verifier::{Problem, policy_schema};

use super::envoy::check::{self, Checked};
use super::envoy::convert::{self, Converted, Options, Profile};
use super::envoy::document::Document;
use super::output::{self, Answer};
use super::{Failure, POLICY_IS_WRONG};

#[derive(Debug, Subcommand)]
pub(super) enum PolicyCommand {
    /// Check a policy file, and tell everything that is wrong in it
    ///
    /// A file that begins with { is JSON, any other YAML. Each problem is a line on stderr: file, line, column, the
    /// place in the document (a JSON Pointer), what is wrong and, where that can be told, what to write. With
    /// --json they are an array on stdout, empty for a good policy.
    ///
    /// The file can also be an Envoy configuration, or that of our plug-in alone. Of an Envoy configuration every
    /// configuration of our plug-in is checked: its policies, whether the clusters exist that its keys come from,
    /// whether the policies exist that routes choose and no route that chooses is matched by what the verifier
    /// changes, that no other plug-in can put keys in the place of the issuers', and that nothing lets requests
    /// through when the plug-in is out of order. What is allowed, and may not be meant, is a warning on stderr.
    #[command(after_help = "\
Exit codes:
  0  every host of the verifier takes the policy, or Envoy and our plug-in the configuration
  1  the file cannot be read
  3  there are problems

Examples:
  tessera policy check policy.yaml
  tessera policy check envoy.yaml
  tessera policy check policy.yaml --json")]
    Check {
        /// The policy file
        file: PathBuf,
    },
    /// Print the JSON Schema of the policy document, for editors and other programs
    #[command(after_help = "\
Examples:
  tessera policy schema > tessera-policy.schema.json")]
    Schema,
    /// Convert the JWT filter of Envoy (`jwt_authn`) into the configuration of our plug-in
    ///
    /// The file is an Envoy configuration, whole or in part, in JSON or in YAML without anchors, aliases, merge keys
    /// and tags. Prints the configuration to stdout; everything in which it differs is a line on stderr: file, line,
    /// column, the place in the file (a JSON Pointer), what kind of difference it is, and what is different.
    #[command(after_help = "\
Kinds of differences:
  refused   cannot be converted without letting through what was refused; then nothing is printed
  by hand   has to be done in the file around the plug-in's configuration
  open      lets requests pass without a token, as before
  stricter  refuses what was let through
  dropped   is left out; no decision hangs on it

Exit codes:
  0  the configuration is on stdout
  1  the file cannot be read
  2  there is not exactly one such filter, and none was named
  3  something was refused, or the file is damaged

Examples:
  tessera policy from-envoy envoy.yaml > tessera.json
  tessera policy from-envoy envoy.yaml --audience orders --keep-query-tokens
  tessera policy from-envoy envoy.yaml --json | jq '.notes[] | select(.kind == \"stricter\")'")]
    FromEnvoy(FromEnvoy),
}

/// `tessera policy from-envoy`.
#[derive(Debug, Args)]
pub(super) struct FromEnvoy {
    /// The Envoy configuration
    file: PathBuf,
    /// What the service is called in `aud`, for providers that name no audience; repeat for more
    #[arg(long = "audience", value_name = "NAME")]
    audiences: Vec<String>,
    /// Read tokens from the parameter `access_token`, too, where a provider does not say where they are
    #[arg(long)]
    keep_query_tokens: bool,
    /// What the issuers' tokens are
    #[arg(long, value_enum, default_value = "jwt")]
    profile: Profile,
    /// Which filter, if there are several: its place in the file (a JSON Pointer)
    #[arg(long, value_name = "PLACE")]
    filter: Option<String>,
}

pub(super) fn run(command: PolicyCommand, json: bool) -> Result<ExitCode, Failure> {
    let file = match command {
        PolicyCommand::Check { file } => file,
        PolicyCommand::FromEnvoy(arguments) => return from_envoy(arguments, json),
        PolicyCommand::Schema => {
            output::text(&policy_schema())?;
            return Ok(ExitCode::SUCCESS);
        }
    };
    // What is no document at all is told as a policy's problems are.
    let envoy = Document::read(&file).ok().filter(|document| check::concerns(document.root()));
    let checked = match &envoy {
        Some(document) => problems_in(&file, document),
        None => read(&file).and_then(|policy| loaded(&file, &policy)),
    };
    let problems = match checked {
        Ok(()) => Vec::new(),
        Err(Failure::Policy { problems, .. }) if json => problems,
        Err(failure) => return Err(failure),
    };
    let code = if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(POLICY_IS_WRONG) };
    let what = if envoy.is_some() { "configuration" } else { "policy" };
    let answer = Answer {
        text: format!("{} is a good {what}", file.display()),
        json: problems.iter().map(problem).collect::<Vec<_>>().into(),
    };
    output::answer(&answer, json)?;
    Ok(code)
}

/// Checks an Envoy configuration; warnings go to stderr.
fn problems_in(path: &Path, document: &Document) -> Result<(), Failure> {
    let Checked { problems, warnings } = check::check(document);
    for warning in warnings {
        output::warn(&format!("{}:{warning}", path.display()));
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::Policy { path: path.to_owned(), problems }) }
}

fn from_envoy(arguments: FromEnvoy, json: bool) -> Result<ExitCode, Failure> {
    let FromEnvoy { file, audiences, keep_query_tokens, profile, filter } = arguments;
    let document = Document::read(&file)?;
    let all = convert::all(document.root(), &Options { audiences, keep_query_tokens, profile });
    let places = all.iter().map(|converted| converted.place.clone()).collect::<Vec<_>>().join(", ");
    let mut chosen =
        all.into_iter().filter(|converted| filter.as_ref().is_none_or(|place| *place == converted.place));
    let (Some(Converted { configuration, notes, .. }), None) = (chosen.next(), chosen.next()) else {
        return Err(Failure::Filter { path: file, places });
    };
    let located = notes.iter().map(|note| (note, document.locate(&note.place)));
    if json {
        let notes: Vec<Value> = located
            .map(|(note, (line, column))| {
                json!({
                    "kind": note.kind.name(), "place": note.place, "line": line, "column": column, "text": note.text,
                })
            })
            .collect();
        let report = json!({ "configuration": configuration, "notes": notes });
        output::text(&format!("{report:#}"))?;
    } else {
        for (note, (line, column)) in located {
            output::note(&format!("{}:{line}:{column}: {note}", file.display()));
        }
        if let Some(configuration) = &configuration {
            output::text(&format!("{configuration:#}"))?;
        }
    }
    Ok(if configuration.is_some() { ExitCode::SUCCESS } else { ExitCode::from(POLICY_IS_WRONG) })
}

/// Reads a policy file.
pub(super) fn read(path: &Path) -> Result<PolicyFile, Failure> {
    read_within(path, Bounds::POLICY)
}

/// Reads a file that policies may be a part of.
pub(super) fn read_within(path: &Path, bounds: Bounds) -> Result<PolicyFile, Failure> {
    PolicyFile::read_within(path, bounds).map_err(|error| match error {
        ReadError::Unreadable(source) => Failure::File { verb: "read", path: path.to_owned(), source },
        ReadError::Problems(problems) => Failure::Policy { path: path.to_owned(), problems },
    })
}

fn loaded(path: &Path, policy: &PolicyFile) -> Result<(), Failure> {
    let problems = |problems| Failure::Policy { path: path.to_owned(), problems };
    policy.check().map_err(problems)
}

/// A problem as programs read it.
pub(super) fn problem(problem: &Problem) -> Value {
    let Problem { pointer, line, column, message, suggestion } = problem;
    json!({ "place": pointer, "line": line, "column": column, "message": message, "suggestion": suggestion })
}
