//! `tessera keys reseal`.

use serde_json::json;

use super::failure::Failure;
use super::output::Answer;
use super::session::Session;
use tessera_issuer::domain::{Change, KeyChange, PrivateKey, Resealed};

/// Seals every signing key under the current key-encryption key, all in one change or none.
pub(super) async fn run(session: &Session) -> Result<Answer, Failure> {
    let vault = session.vault().await?;
    let keys = session.load().await?.keys;
    let mut resealed = Vec::new();
    for key in &keys {
        if let Some(to) = vault.reseal(key)? {
            resealed.push(Resealed { kid: key.kid.clone(), from: key.private.clone(), to });
        }
    }
    let kids: Vec<String> = resealed.iter().map(|it| it.kid.clone()).collect();
    let kek = vault.key_encryption_key();
    if !resealed.is_empty() {
        let key_encryption_key = kek.to_owned();
        session.apply(Change::Keys(KeyChange::Reseal { keys: resealed, key_encryption_key })).await?;
    }
    let in_modules = keys.iter().filter(|it| matches!(it.private, PrivateKey::Pkcs11 { .. })).count();
    let sealed = keys.len() - in_modules;
    let text = match kids.len() {
        0 => format!("all {sealed} sealed keys are under the key-encryption key {kek} already"),
        some => format!(
            "{some} of {sealed} sealed keys were sealed again, and all are under the key-encryption key {kek}; \
             when every server runs with it, the old one can go from `old_key_encryption_keys`"
        ),
    };
    let json = json!({ "key_encryption_key": kek, "resealed": kids, "sealed": sealed, "pkcs11": in_modules });
    Ok(Answer { text, json })
}
