//! Sessions that are lost while keys are in use, in a process that can lose them: this program, run once more with the
//! token's configuration in its environment, which the module reads there.

use std::process::Command;

use cryptoki::context::Pkcs11;
use cryptoki::session::UserType;
use cryptoki::types::AuthPin;
use jsonwebtoken::{Algorithm as Alg, DecodingKey, Validation, decode};
use serde_json::{Value, json};
use tessera_issuer::domain::{Algorithm, KeyState, StoredKey, UnixTime};
use tessera_issuer::keys::{
    KeyEncryptionKey, Pkcs11Options, SecretSource, Signer, SigningError, TokenChoice, Vault, VaultOptions,
    sign_token,
};

use super::softhsm::{CONFIGURATION, LABEL, PIN, Token, module};
use crate::stage::{Stage, stderr};

/// Says to this program that it is the one that was run, and where its files are.
const FOLDER: &str = "TESSERA_TEST_LOST";

/// Runs the test of that name again where `inner` can be done.
fn in_process(name: &str) {
    let stage = Stage::empty();
    let token = Token::new(&stage);
    let mut command = token.environment(Command::new(std::env::current_exe().unwrap()));
    let output =
        command.args(["--exact", name, "--nocapture"]).env(FOLDER, stage.path("..")).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", stderr(&output));
}

async fn vault(sessions: usize) -> Vault {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let kek = folder.join("kek");
    KeyEncryptionKey::create(&kek).unwrap();
    let pkcs11 = Pkcs11Options {
        module: module(),
        token: TokenChoice::Label(LABEL.to_owned()),
        pin: SecretSource::File(folder.join("pin")),
        sessions,
    };
    let options = VaultOptions {
        key_encryption_key: SecretSource::File(kek),
        old_key_encryption_keys: Vec::new(),
        algorithm: Algorithm::Es256,
        pkcs11: Some(pkcs11),
    };
    Vault::load(&options).await.unwrap()
}

fn key(vault: &Vault) -> StoredKey {
    vault.generate(Algorithm::Es256, KeyState::Active, UnixTime::from_seconds(1_800_000_000)).unwrap()
}

async fn assert_signs(signer: &dyn Signer, key: &StoredKey) {
    let claims = json!({ "aud": "orders", "exp": 4_000_000_000_u64 });
    let token = sign_token(signer, &claims).await.unwrap();
    let mut validation = Validation::new(Alg::ES256);
    validation.set_audience(&["orders"]);
    decode::<Value>(&token, &DecodingKey::from_jwk(&key.jwk).unwrap(), &validation).unwrap();
}

/// Ends all sessions of this process behind its back.
fn lose_sessions() {
    Pkcs11::new(module()).unwrap().finalize().unwrap();
}

#[tokio::test]
async fn lost_sessions_are_opened_again() {
    if std::env::var_os(FOLDER).is_none() {
        return in_process("pkcs11::lost::lost_sessions_are_opened_again");
    }
    let vault = vault(2).await;
    let key = key(&vault);
    let signer = vault.open(&key).unwrap();
    assert_signs(&*signer, &key).await;

    // CKR_CRYPTOKI_NOT_INITIALIZED, and after somebody else has initialised it, CKR_SESSION_HANDLE_INVALID.
    lose_sessions();
    assert_signs(&*signer, &key).await;
    lose_sessions();
    let context = Pkcs11::new(module()).unwrap();
    context
        .initialize(cryptoki::context::CInitializeArgs::new(
            cryptoki::context::CInitializeFlags::OS_LOCKING_OK,
        ))
        .unwrap();
    assert_signs(&*signer, &key).await;

    // CKR_USER_NOT_LOGGED_IN: one session logs all of them out.
    let slot = context.get_slots_with_initialized_token().unwrap()[0];
    let session = context.open_ro_session(slot).unwrap();
    session.logout().unwrap();
    assert_signs(&*signer, &key).await;

    // More at once than there are sessions.
    let all = (0..40).map(|_| assert_signs(&*signer, &key));
    futures_util::future::join_all(all).await;
}

#[tokio::test]
async fn a_pin_that_is_refused_is_not_tried_again() {
    if std::env::var_os(FOLDER).is_none() {
        return in_process("pkcs11::lost::a_pin_that_is_refused_is_not_tried_again");
    }
    let vault = vault(1).await;
    let key = key(&vault);
    let signer = vault.open(&key).unwrap();
    let change_pin = |old: &str, new: &str| {
        let context = Pkcs11::new(module()).unwrap();
        let slot = context.get_slots_with_initialized_token().unwrap()[0];
        let session = context.open_rw_session(slot).unwrap();
        session.login(UserType::User, Some(&AuthPin::from(old))).ok();
        session.set_pin(&AuthPin::from(old), &AuthPin::from(new)).unwrap();
        session.logout().unwrap();
    };
    change_pin(PIN, "999999");
    assert_eq!(signer.sign(b"message").await, Err(SigningError::Key));
    // It would be taken now. Whoever tries on with what was refused locks the token.
    change_pin("999999", PIN);
    assert_eq!(signer.sign(b"message").await, Err(SigningError::Key));
    assert!(std::env::var_os(CONFIGURATION).is_some());
}

#[tokio::test]
async fn a_key_that_is_discarded_is_gone_from_the_token() {
    if std::env::var_os(FOLDER).is_none() {
        return in_process("pkcs11::lost::a_key_that_is_discarded_is_gone_from_the_token");
    }
    let vault = vault(1).await;
    let (kept, given_up) = (key(&vault), key(&vault));
    vault.discard(&given_up).unwrap();
    let refused = vault.open(&given_up).unwrap_err();
    let refused = std::error::Error::source(&refused).unwrap().to_string();
    assert_eq!(refused, format!("the PKCS #11 token `{LABEL}` has no such private key"));
    assert_signs(&*vault.open(&kept).unwrap(), &kept).await;
    // Nothing more is to be done.
    vault.discard(&given_up).unwrap();
}

#[tokio::test]
async fn a_key_signs_for_its_own_public_half_only() {
    if std::env::var_os(FOLDER).is_none() {
        return in_process("pkcs11::lost::a_key_signs_for_its_own_public_half_only");
    }
    let vault = vault(1).await;
    let (one, other) = (key(&vault), key(&vault));
    let refused = vault.open(&StoredKey { jwk: other.jwk, ..one }).unwrap_err();
    let refused = std::error::Error::source(&refused).unwrap().to_string();
    assert_eq!(
        refused,
        format!("the PKCS #11 token `{LABEL}` gives no signature that its public key verifies")
    );
}
