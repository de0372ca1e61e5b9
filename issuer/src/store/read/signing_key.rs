//! Signing keys.

use sqlx::sqlite::SqliteConnection;
use sqlx_macros::FromRow;

use crate::domain::{KeyState, PrivateKey, StoredKey};
use crate::store::StoreError;
use crate::store::column::{malformed, parse, time};

#[derive(FromRow)]
struct SigningKeyRow {
    kid: String,
    algorithm: String,
    state: String,
    since: i64,
    jwk: String,
    private: String,
    created_at: i64,
    rotation_asked_at: Option<i64>,
    published_until: Option<i64>,
}

/// All keys, oldest first.
pub(super) async fn all(connection: &mut SqliteConnection) -> Result<Vec<StoredKey>, StoreError> {
    let rows: Vec<SigningKeyRow> =
        sqlx::query_as("SELECT * FROM signing_key ORDER BY created_at, kid").fetch_all(connection).await?;
    rows.into_iter().map(SigningKeyRow::key).collect()
}

impl SigningKeyRow {
    fn key(self) -> Result<StoredKey, StoreError> {
        Ok(StoredKey {
            algorithm: parse("algorithm", &self.algorithm)?,
            state: match (&*self.state, self.published_until) {
                ("next", None) => KeyState::Next,
                ("active", None) => KeyState::Active,
                ("retired", Some(until)) => KeyState::Retired { published_until: time(until)? },
                _ => return Err(malformed("key state", &self.state)),
            },
            jwk: serde_json::from_str(&self.jwk).map_err(|_| malformed("public key", &self.kid))?,
            since: time(self.since)?,
            rotation_asked_at: self.rotation_asked_at.map(time).transpose()?,
            created_at: time(self.created_at)?,
            private: PrivateKey::from_text(self.private),
            kid: self.kid,
        })
    }
}
