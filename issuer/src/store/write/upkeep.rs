//! What is written beside changes: it makes no revision and no audit record.

use sqlx::sqlite::SqliteConnection;

use crate::domain::{CredentialId, LIST_RETENTION, UnixTime};
use crate::store::column::seconds;
use crate::store::{StoreError, UsedAssertion, changed};

/// Expired lists that are forgotten at once, with up to a quarter of a million blocks each, while others wait to write.
/// Once a minute, that is more than the windows that end.
const FORGOTTEN_AT_ONCE: i64 = 8;

/// Uses up assertions. For each, whether this is its first use.
pub(crate) async fn mark_used(
    connection: &mut SqliteConnection,
    assertions: &[UsedAssertion],
) -> Result<Vec<bool>, StoreError> {
    let mut fresh = Vec::with_capacity(assertions.len());
    for assertion in assertions {
        let used = sqlx::query(
            "INSERT INTO used_assertion (client_id, jti_sha256, expires_at) VALUES ($1, $2, $3)
             ON CONFLICT (client_id, jti_sha256) DO NOTHING",
        )
        .bind(assertion.client.as_str())
        .bind(assertion.jti_sha256())
        .bind(seconds(assertion.expires_at))
        .execute(&mut *connection)
        .await?;
        fresh.push(used.rows_affected() == 1);
    }
    Ok(fresh)
}

/// Notes when credentials were used. Another replica may have seen a later use.
pub(crate) async fn touch(
    connection: &mut SqliteConnection,
    used: &[(CredentialId, UnixTime)],
) -> Result<(), StoreError> {
    for (credential, at) in used {
        sqlx::query(
            "UPDATE credential SET last_used_at = $2
             WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)",
        )
        .bind(credential.as_str())
        .bind(seconds(*at))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Forgets what has no use after `now`.
pub(crate) async fn purge(connection: &mut SqliteConnection, now: UnixTime) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM used_assertion WHERE expires_at < $1")
        .bind(seconds(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM revocation WHERE expires_at <= $1")
        .bind(seconds(now))
        .execute(&mut *connection)
        .await?;
    sqlx::query(
        "DELETE FROM status_list WHERE id IN (SELECT id FROM status_list WHERE expires_at <= $1 LIMIT $2)",
    )
    .bind(seconds(now.minus(LIST_RETENTION)))
    .bind(FORGOTTEN_AT_ONCE)
    .execute(&mut *connection)
    .await?;
    changed::purge(connection).await
}
