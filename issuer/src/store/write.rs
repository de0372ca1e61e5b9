//! Changes to SQL. Every statement is one that SQLite and PostgreSQL share.

mod client;
mod credential;
mod grant;
mod revocation;
mod signing_key;
mod status_list;
mod upkeep;

use std::collections::BTreeSet;

use sqlx::sqlite::SqliteConnection;

use super::StoreError;
use super::changed::{self, Part};
use super::column::seconds;
use crate::domain::{Actor, Change, ChangeError, Effect, UnixTime};

pub(super) use status_list::allocate;
pub(super) use upkeep::{mark_used, purge, touch};

/// A change that was made: its effect, and the parts of the state that are different now.
pub(super) struct AppliedChange {
    pub(super) effect: Effect,
    changed: BTreeSet<Part>,
}

impl AppliedChange {
    fn new(effect: Effect, changed: impl IntoIterator<Item = Part>) -> Self {
        Self { effect, changed: changed.into_iter().collect() }
    }
}

/// Makes `change`; `connection` is inside a writing transaction, which the caller drops on an error.
pub(super) async fn apply(
    connection: &mut SqliteConnection,
    change: &Change,
    now: UnixTime,
) -> Result<AppliedChange, StoreError> {
    match change {
        Change::AddClient { id, settings, credential } => {
            client::add(connection, id, settings, now).await?;
            if let Some(credential) = credential {
                credential::add(connection, credential).await?;
            }
            Ok(AppliedChange::new(Effect::Created, [Part::Client(id.clone())]))
        }
        Change::SetClient { id, settings } => client::set(connection, id, settings).await,
        Change::RemoveClient { id } => client::remove(connection, id).await,
        Change::AddCredential(credential) => {
            client::require(connection, &credential.client).await?;
            credential::add(connection, credential).await?;
            Ok(AppliedChange::new(Effect::Created, [Part::Client(credential.client.clone())]))
        }
        Change::RemoveCredential { id } => credential::remove(connection, id).await,
        Change::AddGrant(grant) => {
            let effect = grant::add(connection, grant, now).await?;
            Ok(AppliedChange::new(effect, [Part::Client(grant.client.clone())]))
        }
        Change::RemoveGrant { client, audience } => {
            grant::remove(connection, client, audience).await?;
            Ok(AppliedChange::new(Effect::Removed, [Part::Client(client.clone())]))
        }
        Change::Keys(change) => {
            let effect = signing_key::apply(connection, change, now).await?;
            Ok(AppliedChange::new(effect, [Part::SigningKeys]))
        }
        Change::Revoke(record) => {
            let most = revocation::revoke(connection, record).await?;
            Ok(AppliedChange::new(Effect::Revoked { most }, [Part::Revocations]))
        }
    }
}

/// Counts the change, writes its audit record, and tells readers what to read again.
pub(super) async fn record(
    connection: &mut SqliteConnection,
    actor: &Actor,
    change: &Change,
    applied: &AppliedChange,
    now: UnixTime,
) -> Result<i64, StoreError> {
    let subject = change.subject();
    let revision = changed::record(connection, &applied.changed).await?;
    sqlx::query(
        "INSERT INTO audit (revision, at, actor, action, subject_kind, subject, detail, outcome)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(revision)
    .bind(seconds(now))
    .bind(actor.as_str())
    .bind(change.action())
    .bind(subject.kind())
    .bind(subject.to_string())
    .bind(change.detail().to_string())
    .bind(applied.effect.as_str())
    .execute(connection)
    .await?;
    Ok(revision)
}

/// Refuses a change that concerns no row.
fn require_rows(rows: u64, missing: impl FnOnce() -> ChangeError) -> Result<(), StoreError> {
    if rows == 0 { Err(missing().into()) } else { Ok(()) }
}
