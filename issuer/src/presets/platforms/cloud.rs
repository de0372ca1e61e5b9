//! Clouds: AWS, Azure, Google Cloud.

use serde_json::json;

use crate::domain::Profile;
use crate::presets::parameters::{Parameters, PresetError};
use crate::presets::{Draft, Preset, equals, nested, optional, required};

/// Tokens of `sts:GetWebIdentityToken`, which live an hour at most.
pub(super) const AWS: Preset = Preset {
    name: "aws",
    about: "an IAM principal, by its web identity token (sts:GetWebIdentityToken)",
    parameters: &[
        required("issuer", "the account's issuer URL (iam:GetOutboundWebIdentityFederationInfo)"),
        required(
            "principal",
            "the ARN of the role or user, without a session: arn:aws:iam::123456789012:role/NAME",
        ),
        optional("organization", "the AWS organization that the account has to be in: o-…"),
    ],
    build: aws,
};

/// Entra ID's tokens for managed identities and other applications, which live a day, and are dated back five minutes.
pub(super) const AZURE: Preset = Preset {
    name: "azure",
    about: "an Entra ID managed identity or application, by its v2.0 access token for an API of yours",
    parameters: &[
        required("tenant", "the tenant's ID"),
        required("object-id", "the object ID of the managed identity (its service principal)"),
        required("audience", "the application (client) ID of the API that the token is for"),
        optional("client-id", "the application (client) ID of the identity"),
    ],
    build: azure,
};

/// Google's identity tokens for service accounts, which live an hour.
pub(super) const GCP: Preset = Preset {
    name: "gcp",
    about: "a Google Cloud service account, by its identity token",
    parameters: &[
        required("unique-id", "its unique ID, which no other account ever gets"),
        optional(
            "email",
            "its email address, ….gserviceaccount.com (the token must be requested with format=full)",
        ),
    ],
    build: gcp,
};

/// The claim that holds what AWS says beyond the standard's claims.
const AWS_CLAIMS: &str = "https://sts.amazonaws.com/";

fn aws(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let problem = "expected the ARN of an IAM role or user, without `*`";
    let principal = parameters.checked("principal", |text| account_of(text).is_some(), problem)?;
    let account = account_of(principal).unwrap_or_default();
    let mut conditions = vec![equals("sub", principal), nested(&[AWS_CLAIMS, "aws_account"], account)];
    if let Some(organization) =
        parameters.checked_if_given("organization", super::is_plain, "it is no pattern")?
    {
        conditions.push(nested(&[AWS_CLAIMS, "org_id"], organization));
    }
    let issuer = parameters.issuer(None)?.to_owned();
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 3600 })
}

/// The account in the ARN of a role or user.
fn account_of(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (Some("arn"), Some(partition), Some("iam"), Some("")) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return None;
    };
    let (account, resource) = (parts.next()?, parts.next()?);
    let name = resource.strip_prefix("role/").or_else(|| resource.strip_prefix("user/"))?;
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"+=,.@_-/".contains(&byte);
    let good = partition.starts_with("aws")
        && account.len() == 12
        && super::is_number(account)
        && !name.is_empty()
        && name.bytes().all(is_name);
    good.then_some(account)
}

fn azure(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let problem = "expected a UUID in lower case";
    let tenant = parameters.checked("tenant", is_uuid, problem)?;
    let object = parameters.checked("object-id", is_uuid, problem)?;
    parameters.checked(
        "audience",
        |text| is_uuid(text) || text.starts_with("api://"),
        "expected a UUID, or api://…",
    )?;
    let mut conditions = vec![
        // Of an application's token `sub` is its object ID; of a person's it is something else.
        equals("sub", object),
        equals("oid", object),
        equals("tid", tenant),
        equals("ver", "2.0"),
    ];
    if let Some(client) = parameters.checked_if_given("client-id", is_uuid, problem)? {
        conditions.push(equals("azp", client));
    }
    let issuer = format!("https://login.microsoftonline.com/{tenant}/v2.0");
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 86_400 + 300 })
}

fn is_uuid(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    text.split('-').map(str::len).eq(lengths)
        && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-'))
}

fn gcp(parameters: &Parameters<'_>) -> Result<Draft, PresetError> {
    let id = parameters.checked("unique-id", super::is_number, "expected the digits of its unique ID")?;
    let mut conditions = vec![equals("sub", id)];
    let is_account = |text: &str| text.ends_with(".gserviceaccount.com") && super::is_plain(text);
    let problem = "expected the address of a service account: NAME@….gserviceaccount.com";
    if let Some(email) = parameters.checked_if_given("email", is_account, problem)? {
        conditions.push(equals("email", email));
        conditions.push(json!({ "claim": "email_verified", "equals": true }));
    }
    let issuer = "https://accounts.google.com".to_owned();
    Ok(Draft { issuer, conditions, profile: Profile::Jwt, max_lifetime: 3600 })
}
