//! Credentials.

use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sqlx::sqlite::SqliteConnection;

use super::AppliedChange;
use crate::domain::{
    ChangeError, ClientId, Credential, CredentialId, CredentialKind, Effect, MAX_CREDENTIALS, MAX_SECRETS,
    WorkloadRegistration,
};
use crate::store::StoreError;
use crate::store::changed::Part;
use crate::store::column::{json, parse, seconds};

/// Gives a client one more credential.
pub(super) async fn add(
    connection: &mut SqliteConnection,
    credential: &Credential,
) -> Result<(), StoreError> {
    let Credential { id, client, kind, created_at, expires_at } = credential;
    let details: Vec<String> = sqlx::query_scalar("SELECT detail FROM credential WHERE client_id = $1")
        .bind(client.as_str())
        .fetch_all(&mut *connection)
        .await?;
    let is_secret = |detail: &&String| matches!(serde_json::from_str(detail), Ok(CredentialKind::Secret(_)));
    let secrets = details.iter().filter(is_secret).count();
    if details.len() >= MAX_CREDENTIALS || (kind.as_str() == "secret" && secrets >= MAX_SECRETS) {
        return Err(ChangeError::TooManyCredentials.into());
    }
    let workload_key = match kind {
        CredentialKind::Workload(registration) => Some(workload_key(connection, client, registration).await?),
        _ => None,
    };
    sqlx::query(
        "INSERT INTO credential (id, client_id, detail, workload_key, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(id.as_str())
    .bind(client.as_str())
    .bind(json(kind, "credential", id.as_str())?)
    .bind(workload_key)
    .bind(seconds(*created_at))
    .bind(expires_at.map(seconds))
    .execute(connection)
    .await?;
    Ok(())
}

/// A digest of all that chooses a registration, and a refusal if one with the same is there.
async fn workload_key(
    connection: &mut SqliteConnection,
    client: &ClientId,
    registration: &WorkloadRegistration,
) -> Result<String, StoreError> {
    let WorkloadRegistration { issuer, audience, conditions, .. } = registration;
    let choice = json(&(issuer, audience, conditions.as_json()), "credential", client.as_str())?;
    let key = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, choice.as_bytes()));
    let holder: Option<String> =
        sqlx::query_scalar("SELECT client_id FROM credential WHERE workload_key = $1")
            .bind(&key)
            .fetch_optional(connection)
            .await?;
    match holder {
        None => Ok(key),
        Some(holder) => {
            let client = parse("client identifier", &holder)?;
            Err(ChangeError::WorkloadTaken { issuer: issuer.to_string(), client }.into())
        }
    }
}

/// Takes a credential away from its client.
pub(super) async fn remove(
    connection: &mut SqliteConnection,
    id: &CredentialId,
) -> Result<AppliedChange, StoreError> {
    let client: Option<String> =
        sqlx::query_scalar("DELETE FROM credential WHERE id = $1 RETURNING client_id")
            .bind(id.as_str())
            .fetch_optional(connection)
            .await?;
    let client = client.ok_or_else(|| ChangeError::UnknownCredential(id.clone()))?;
    let client = parse("client identifier", &client)?;
    Ok(AppliedChange::new(Effect::Removed, [Part::Client(client)]))
}
