//! `tessera key`.

use serde_json::{Value, json};

use super::args::KeyCommand;
use super::output::{self, Answer, table};
use super::{Failure, Session, now};
use crate::domain::{Algorithm, Change, KeyState, StoredKey};
use crate::http::DOCUMENT_MAX_AGE_SECONDS;
use crate::keys::{KeyEncryptionKey, generate};
use crate::store::Store as _;

pub(super) async fn run(session: Session, command: KeyCommand) -> Result<Answer, Failure> {
    let kek = match command {
        KeyCommand::List => None,
        KeyCommand::Rotate { .. } => Some(KeyEncryptionKey::load(&session.config.key_encryption_key)?),
    };
    if let (Some(kek), KeyCommand::Rotate { algorithm }) = (kek, command) {
        rotate(&session, &kek, algorithm).await?;
    }
    Ok(list(&keys(&session).await?))
}

async fn rotate(
    session: &Session,
    kek: &KeyEncryptionKey,
    algorithm: Option<Algorithm>,
) -> Result<(), Failure> {
    let keys = keys(session).await?;
    let next = keys.iter().find(|key| key.state == KeyState::Next);
    let algorithm = algorithm.or(next.map(|key| key.algorithm)).unwrap_or(Algorithm::Es256);
    if let Some(next) = next.filter(|key| now() < key.created_at.plus(DOCUMENT_MAX_AGE_SECONDS)) {
        output::warn(&format!(
            "{} was published less than {DOCUMENT_MAX_AGE_SECONDS} s ago; verifiers that have not fetched the \
             key set since may refuse its first tokens",
            next.kid
        ));
    }
    let fresh = generate(algorithm, KeyState::Next, kek, now())?;
    session.apply(Change::RotateKeys(fresh)).await?;
    Ok(())
}

async fn keys(session: &Session) -> Result<Vec<StoredKey>, Failure> {
    let store = session.store().await?;
    let state = store.load().await?;
    store.close().await;
    Ok(state.keys)
}

fn list(keys: &[StoredKey]) -> Answer {
    let rows: Vec<[String; 5]> = keys
        .iter()
        .map(|key| {
            let until = published_until(key).map(output::time).unwrap_or_default();
            let (algorithm, state) = (key.algorithm.to_string(), key.state.as_str().to_owned());
            [key.kid.clone(), algorithm, state, output::time(key.created_at), until]
        })
        .collect();
    let json: Vec<Value> = keys
        .iter()
        .map(|key| {
            json!({
                "kid": key.kid,
                "algorithm": key.algorithm,
                "state": key.state.as_str(),
                "created_at": key.created_at,
                "published_until": published_until(key),
            })
        })
        .collect();
    Answer {
        text: table(["KEY", "ALGORITHM", "STATE", "CREATED", "PUBLISHED UNTIL"], &rows),
        json: json.into(),
    }
}

fn published_until(key: &StoredKey) -> Option<crate::domain::UnixTime> {
    match key.state {
        KeyState::Next | KeyState::Active => None,
        KeyState::Retired { published_until } => Some(published_until),
    }
}
