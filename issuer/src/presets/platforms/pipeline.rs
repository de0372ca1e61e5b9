//! Pipelines: GitHub Actions, GitLab CI/CD.
//!
//! Projects are told by their numbers. A name can be somebody else's tomorrow, and what `sub` says can be configured in
//! the project; neither is true of the numbers.

use serde_json::json;

use crate::domain::Profile;
use crate::presets::parameters::{Parameters, PresetError};
use crate::presets::{Draft, Preset, equals, matches, optional, required};

pub(super) const GITHUB: Preset = Preset {
    name: "github",
    about: "a GitHub Actions workflow of one repository",
    parameters: &[
        required("repository-id", "the repository's number: gh api repos/OWNER/NAME --jq .id"),
        required("owner-id", "its owner's number: gh api repos/OWNER/NAME --jq .owner.id"),
        optional("ref", "refs/heads/… or refs/tags/…, with `*` for (part of) one segment"),
        optional("environment", "the deployment environment of the job"),
        optional("workflow", "OWNER/NAME/.github/workflows/FILE@REF, with `*` for (part of) one segment"),
        optional(
            "repository",
            "OWNER/NAME, besides the numbers: a renamed repository has to be registered anew then",
        ),
        optional("events", "the events that may start the workflow, separated by commas"),
        optional("issuer", "of GitHub Enterprise: https://HOST/_services/token"),
    ],
    build: github,
};

pub(super) const GITLAB: Preset = Preset {
    name: "gitlab",
    about: "a GitLab CI/CD job of one project",
    parameters: &[
        required("project-id", "the project's number"),
        optional("ref", "the branch or tag, with `*` for (part of) one segment"),
        optional("ref-type", "branch or tag; branch if absent"),
        optional("environment", "the environment of the job"),
        optional("unprotected", "true: jobs of refs and environments that are not protected, too"),
        optional("project", "GROUP/PROJECT, besides the number"),
        optional("issuer", "of an instance of your own: https://gitlab.example"),
    ],
    build: gitlab,
};

/// What starts a workflow that somebody with write access wrote or asked for. `pull_request_target`, `issue_comment` and
/// `workflow_run` run on the default branch as well, for whoever opens a pull request or writes a comment.
const GITHUB_EVENTS: &str =
    "push,workflow_dispatch,schedule,release,deployment,repository_dispatch,merge_group";

fn github(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let number = "expected its number";
    let mut conditions = vec![
        equals("repository_id", parameters.checked("repository-id", super::is_number, number)?),
        equals("repository_owner_id", parameters.checked("owner-id", super::is_number, number)?),
    ];
    let is_ref = |text: &str| {
        let name = text.strip_prefix("refs/heads/").or_else(|| text.strip_prefix("refs/tags/"));
        name.is_some_and(super::has_more_than_stars) && !text.contains("**")
    };
    let problem = "expected refs/heads/NAME or refs/tags/NAME; not every ref, and no `**`";
    let place = parameters.checked_if_given("ref", is_ref, problem)?;
    let environment = parameters.checked_if_given("environment", super::is_plain, "it is no pattern")?;
    if place.is_none() && environment.is_none() {
        return Err(parameters.missing("ref"));
    }
    conditions.extend(place.map(|pattern| matches("ref", pattern)));
    conditions.extend(environment.map(|name| equals("environment", name)));
    let is_workflow =
        |text: &str| text.contains("/.github/workflows/") && text.contains('@') && !text.contains("**");
    let problem = "expected OWNER/NAME/.github/workflows/FILE@REF";
    let workflow = parameters.checked_if_given("workflow", is_workflow, problem)?;
    conditions.extend(workflow.map(|pattern| matches("workflow_ref", pattern)));
    let is_name = |text: &str| text.split('/').count() == 2 && super::is_plain(text);
    let repository = parameters.checked_if_given("repository", is_name, "expected OWNER/NAME")?;
    conditions.extend(repository.map(|name| equals("repository", name)));
    let is_list = |text: &str| {
        text.split(',').all(|event| {
            !event.is_empty() && event.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
    };
    let events = parameters.checked_if_given("events", is_list, "expected names separated by commas")?;
    let events: Vec<&str> = events.unwrap_or(GITHUB_EVENTS).split(',').collect();
    conditions.push(json!({ "claim": "event_name", "one_of": events }));
    let issuer = parameters.issuer(Some("https://token.actions.githubusercontent.com"))?.to_owned();
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 3600 })
}

fn gitlab(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let mut conditions = vec![equals(
        "project_id",
        parameters.checked("project-id", super::is_number, "expected its number")?,
    )];
    let is_ref = |text: &str| super::has_more_than_stars(text) && !text.contains("**");
    let place = parameters.checked_if_given("ref", is_ref, "not every ref, and no `**`")?;
    let environment = parameters.checked_if_given("environment", super::is_plain, "it is no pattern")?;
    if place.is_none() && environment.is_none() {
        return Err(parameters.missing("ref"));
    }
    let unprotected =
        parameters.checked_if_given("unprotected", |text| text == "true", "it is true, or absent")?.is_some();
    if let Some(pattern) = place {
        let is_type = |text: &str| matches!(text, "branch" | "tag");
        let kind =
            parameters.checked_if_given("ref-type", is_type, "it is branch or tag")?.unwrap_or("branch");
        conditions.push(matches("ref", pattern));
        conditions.push(equals("ref_type", kind));
        if !unprotected {
            // GitLab writes its booleans as texts.
            conditions.push(equals("ref_protected", "true"));
        }
    }
    if let Some(name) = environment {
        conditions.push(equals("environment", name));
        if !unprotected {
            conditions.push(equals("environment_protected", "true"));
        }
    }
    let project = parameters.checked_if_given("project", super::is_plain, "it is no pattern")?;
    conditions.extend(project.map(|path| equals("project_path", path)));
    let issuer = parameters.issuer(Some("https://gitlab.com"))?.to_owned();
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 86_400 })
}
