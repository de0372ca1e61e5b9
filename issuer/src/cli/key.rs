//! `tessera key`.

use serde_json::{Value, json};

use super::args::KeyCommand;
use super::output::{self, Answer, table};
use super::{Failure, Session, now};
use crate::domain::{Algorithm, Change, KeyState, StoredKey};
use crate::http::DOCUMENT_MAX_AGE_SECONDS;
use crate::keys::Vault;

pub(super) async fn run(session: Session, command: KeyCommand) -> Result<Answer, Failure> {
    match command {
        KeyCommand::List => {}
        KeyCommand::Rotate { algorithm } => rotate(&session, algorithm).await?,
        KeyCommand::Add { algorithm } => {
            let keys = first(algorithm, &session.vault().await?)?;
            session.apply(Change::AddKeys(keys)).await?;
        }
        KeyCommand::Reseal => return super::reseal::run(&session).await,
    }
    Ok(list(&session.load().await?.keys))
}

/// The first keys of an algorithm: one that signs and the one after it.
pub(super) fn first(algorithm: Algorithm, vault: &Vault) -> Result<Vec<StoredKey>, Failure> {
    let make = |state| vault.generate(algorithm, state, now());
    Ok(vec![make(KeyState::Active)?, make(KeyState::Next)?])
}

async fn rotate(session: &Session, algorithm: Option<Algorithm>) -> Result<(), Failure> {
    let vault = session.vault().await?;
    let keys = session.load().await?.keys;
    let nexts = keys.iter().filter(|key| key.state == KeyState::Next);
    let next = match algorithm {
        Some(algorithm) => nexts.into_iter().find(|key| key.algorithm == algorithm),
        // As the keyring chooses.
        None => nexts.min_by_key(|key| key.algorithm),
    };
    if let Some(next) = next.filter(|key| now() < key.created_at.plus(DOCUMENT_MAX_AGE_SECONDS)) {
        output::warn(&format!(
            "{} was published less than {DOCUMENT_MAX_AGE_SECONDS} s ago; verifiers that have not fetched the \
             key set since may refuse its first tokens",
            next.kid
        ));
    }
    let algorithm = algorithm.or(next.map(|key| key.algorithm)).unwrap_or(Algorithm::Es256);
    session.apply(Change::RotateKeys(vault.generate(algorithm, KeyState::Next, now())?)).await?;
    Ok(())
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
