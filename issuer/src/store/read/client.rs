//! Clients, with the scopes that they offer, their credentials and their grants.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sqlx::sqlite::SqliteConnection;
use sqlx_macros::FromRow;

use super::grant::{self, scope_set};
use super::rows;
use crate::domain::{Audience, Client, Credential, CredentialKind, Description, Entry, Labels, Scope};
use crate::store::StoreError;
use crate::store::column::{lifetime, malformed, parse, time};

#[derive(FromRow)]
struct ClientRow {
    id: String,
    description: String,
    labels: String,
    enabled: i64,
    lifetime_seconds: Option<i64>,
    algorithm: Option<String>,
    status: i64,
    created_at: i64,
}

#[derive(FromRow)]
struct ScopeRow {
    client_id: String,
    scope: String,
    description: String,
    is_default: i64,
}

#[derive(FromRow)]
struct CredentialRow {
    id: String,
    client_id: String,
    detail: String,
    created_at: i64,
    expires_at: Option<i64>,
}

/// The scopes that a client offers, and those among them that are its default.
#[derive(Default)]
struct Offered {
    scopes: BTreeMap<Scope, Description>,
    defaults: Vec<Scope>,
}

/// One client with all that hangs on it, or all clients.
pub(super) async fn entries(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<Vec<Entry>, StoreError> {
    let mut offered = offered(connection, only).await?;
    let mut credentials = credentials(connection, only).await?;
    let mut grants = grant::by_client(connection, only).await?;
    let rows: Vec<ClientRow> = rows!(&mut *connection, only, "client", "id")?;
    rows.into_iter()
        .map(|row| {
            let grants = grants.remove(&row.id).unwrap_or_default();
            let offered = offered.remove(&row.id).unwrap_or_default();
            let credentials = credentials.remove(&row.id).unwrap_or_default();
            Ok(Entry::new(row.client(offered, credentials)?, grants))
        })
        .collect()
}

async fn offered(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<String, Offered>, StoreError> {
    let rows: Vec<ScopeRow> = rows!(connection, only, "client_scope", "client_id")?;
    let mut offered: HashMap<String, Offered> = HashMap::new();
    for ScopeRow { client_id, scope, description, is_default } in rows {
        let Offered { scopes, defaults } = offered.entry(client_id).or_default();
        let scope: Scope = parse("scope", &scope)?;
        if is_default == 1 {
            defaults.push(scope.clone());
        }
        scopes.insert(scope, parse("description", &description)?);
    }
    Ok(offered)
}

/// The credentials of each client, oldest first.
async fn credentials(
    connection: &mut SqliteConnection,
    only: Option<&str>,
) -> Result<HashMap<String, Vec<Arc<Credential>>>, StoreError> {
    let rows: Vec<CredentialRow> = rows!(connection, only, "credential", "client_id")?;
    let mut credentials: HashMap<String, Vec<Arc<Credential>>> = HashMap::new();
    for row in rows {
        let client = row.client_id.clone();
        credentials.entry(client).or_default().push(Arc::new(row.credential()?));
    }
    for of_client in credentials.values_mut() {
        of_client.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
    }
    Ok(credentials)
}

impl ClientRow {
    fn client(self, offered: Offered, credentials: Vec<Arc<Credential>>) -> Result<Client, StoreError> {
        let audience = Audience {
            scopes: offered.scopes,
            default_scopes: scope_set(offered.defaults)?,
            lifetime: self.lifetime_seconds.map(lifetime).transpose()?,
            algorithm: self.algorithm.map(|text| parse("algorithm", &text)).transpose()?,
            status: self.status == 1,
        };
        Ok(Client {
            id: parse("client identifier", &self.id)?,
            description: parse("description", &self.description)?,
            labels: labels(&self.labels)?,
            enabled: self.enabled == 1,
            audience,
            credentials,
            created_at: time(self.created_at)?,
        })
    }
}

impl CredentialRow {
    fn credential(self) -> Result<Credential, StoreError> {
        let wrong = || malformed("credential", &self.id);
        let kind: CredentialKind = serde_json::from_str(&self.detail).map_err(|_| wrong())?;
        Ok(Credential {
            kind,
            id: parse("credential", &self.id)?,
            client: parse("client identifier", &self.client_id)?,
            created_at: time(self.created_at)?,
            expires_at: self.expires_at.map(time).transpose()?,
        })
    }
}

fn labels(text: &str) -> Result<Labels, StoreError> {
    let wrong = || malformed("set of labels", text);
    let read: BTreeMap<String, String> = serde_json::from_str(text).map_err(|_| wrong())?;
    Labels::new(read).map_err(|_| wrong())
}
