//! `tessera policy`.

use std::path::Path;
use std::process::ExitCode;

use serde_json::{Value, json};
use tessera_policy_file::PolicyFile;
use tessera_verifier::policy_schema;

use super::args::policy::{FromEnvoy, PolicyCommand};
use super::envoy::check::{self, Checked};
use super::envoy::convert::{self, Converted};
use super::envoy::document::Document;
use super::envoy::options::Options;
use super::failure::{Failure, POLICY_IS_WRONG};
use super::output::{self, Answer};
use super::policy_file::{problem, read};

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

fn loaded(path: &Path, policy: &PolicyFile) -> Result<(), Failure> {
    let problems = |problems| Failure::Policy { path: path.to_owned(), problems };
    policy.check().map_err(problems)
}
