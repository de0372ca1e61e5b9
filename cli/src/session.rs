//! What the commands that read or change the state have in common.

use tessera_issuer::config::Config;
use tessera_issuer::domain::{Applied, Change, ChangeError};
use tessera_issuer::keys::Vault;
use tessera_issuer::store::{SqliteStore, State, Store as _, StoreError};

use super::actor::actor;
use super::clock::now;
use super::failure::Failure;

/// One command's work on the database.
pub(super) struct Session {
    pub(super) config: Config,
}

impl Session {
    pub(super) const fn new(config: Config) -> Self {
        Self { config }
    }

    pub(super) async fn store(&self) -> Result<SqliteStore, Failure> {
        Ok(SqliteStore::open(&self.config.database).await?)
    }

    /// Where the signing keys are made and opened.
    pub(super) async fn vault(&self) -> Result<Vault, Failure> {
        Ok(Vault::load(&self.config.vault).await?)
    }

    pub(super) async fn load(&self) -> Result<State, Failure> {
        let store = self.store().await?;
        let state = store.load().await?;
        store.close().await;
        Ok(state)
    }

    /// Makes one change. If it names a client that there is not, the failure suggests one.
    pub(super) async fn apply(&self, change: Change) -> Result<Applied, Failure> {
        let store = self.store().await?;
        let applied = store.apply(&actor(), &change, now()).await;
        let applied = match applied {
            Err(StoreError::Refused(error)) => {
                let suggestion = match &error {
                    ChangeError::UnknownClient(id) => {
                        let state = store.load().await?;
                        let known = state.directory.clients().into_iter().map(|client| client.id.as_str());
                        tessera_issuer::suggest::nearest(id.as_str(), known).map(str::to_owned)
                    }
                    _ => None,
                };
                Err(Failure::Refused { error, suggestion })
            }
            other => other.map_err(Failure::from),
        };
        store.close().await;
        applied
    }
}
