//! What the unit tests share: a state to decide from, and a platform that signs with another library.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm as Alg, EncodingKey, Header, encode};
use serde_json::{Value, json};

use std::sync::Arc;

use crate::domain::{
    Actor, Algorithm, Audience, AudienceRule, Change, Client, ClientGrant, ClientId, ClientSecret,
    ClientUpdate, Conditions, Credential, CredentialId, CredentialKind, Description, Directory, Entry,
    KeyChange, KeySource, KeyState, Labels, Lifetime, Pepper, Profile, RegisteredText, ScopeSet, StoredKey,
    UnixTime, WorkloadRegistration,
};
use crate::keys::{KeyEncryptionKey, Keyring, Vault};
use crate::store::{Snapshot, SqliteStore, Store as _};

pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_800_000_000);
/// When the clients of a [`store`] were registered: before [`NOW`], and before what the clock of any machine says.
const REGISTERED: UnixTime = UnixTime::from_seconds(1_700_000_000);

pub(crate) fn id(text: &str) -> ClientId {
    text.parse().unwrap()
}

pub(crate) fn scopes(text: &str) -> ScopeSet {
    if text.is_empty() { ScopeSet::default() } else { text.parse().unwrap() }
}

pub(crate) fn secret() -> ClientSecret {
    ClientSecret::presented("correct horse".to_owned())
}

pub(crate) fn pepper() -> Pepper {
    Pepper::new(&[7; Pepper::BYTES])
}

pub(crate) fn actor() -> Actor {
    Actor::command_line("tester")
}

pub(crate) fn vault() -> Vault {
    let folder = tempfile::tempdir().unwrap();
    Vault::new(KeyEncryptionKey::create(&folder.path().join("kek")).unwrap())
}

pub(crate) fn signing_keys(vault: &Vault) -> Vec<StoredKey> {
    [KeyState::Active, KeyState::Next]
        .map(|state| vault.generate(Algorithm::Es256, state, NOW).unwrap())
        .into()
}

/// An enabled client without credentials.
pub(crate) fn client(name: &str, offered: &str) -> Client {
    Client {
        id: id(name),
        description: Description::default(),
        labels: Labels::default(),
        enabled: true,
        audience: Audience::offering(&scopes(offered)),
        credentials: Vec::new(),
        created_at: NOW,
    }
}

/// A credential that does not expire.
pub(crate) fn credential(client: &str, kind: CredentialKind) -> Credential {
    let id = CredentialId::generate().unwrap();
    Credential { id, client: client.parse().unwrap(), kind, created_at: NOW, expires_at: None }
}

/// The [`secret`] of that client.
pub(crate) fn secret_of(client: &str) -> Credential {
    credential(client, CredentialKind::Secret(pepper().hash(&secret())))
}

/// A registration with keys that nobody fetches.
pub(crate) fn registration(issuer: &str, conditions: Conditions) -> WorkloadRegistration {
    WorkloadRegistration {
        issuer: RegisteredText::new("issuer", issuer).unwrap(),
        keys: KeySource::uri("https://keys.example/jwks").unwrap(),
        audience: AudienceRule::default(),
        conditions,
        profile: Profile::Jwt,
        max_lifetime: None,
    }
}

pub(crate) fn offering(text: &str) -> ClientUpdate {
    let offer = scopes(text).iter().map(|scope| (scope.clone(), Description::default())).collect();
    ClientUpdate { offer, ..ClientUpdate::default() }
}

/// `shop` (with the [`secret`]) may call `orders` with two scopes and `mail` with none; nobody may call `stock`.
pub(crate) fn changes() -> Vec<Change> {
    let add = |name: &str, offered: &str, credential| Change::AddClient {
        id: id(name),
        settings: offering(offered),
        credential,
    };
    let grant = |audience: &str, granted: &str, seconds: u64| {
        let grant = ClientGrant::new(id("shop"), id(audience), scopes(granted));
        Change::AddGrant(ClientGrant { lifetime: Lifetime::from_seconds(seconds).ok(), ..grant })
    };
    vec![
        add("shop", "", Some(secret_of("shop"))),
        add("orders", "read write delete", None),
        add("mail", "send", None),
        add("stock", "", None),
        grant("orders", "read write", 600),
        grant("mail", "", 60),
    ]
}

/// A database with [`changes`] made and signing keys in it.
pub(crate) async fn store(folder: &tempfile::TempDir, vault: &Vault) -> SqliteStore {
    let store = SqliteStore::create(&folder.path().join("tessera.db")).await.unwrap();
    let keys = Change::Keys(KeyChange::Add(signing_keys(vault)));
    for (change, at) in changes().iter().map(|change| (change, REGISTERED)).chain([(&keys, NOW)]) {
        store.apply(&actor(), change, at).await.unwrap();
    }
    store
}

/// A snapshot without a database: clients with these credentials.
pub(crate) fn snapshot(revision: i64, credentials: Vec<Credential>) -> Snapshot {
    let vault = vault();
    let mut directory = Directory::default();
    for credential in credentials {
        let name = credential.client.to_string();
        let mut client = directory.client(&name).cloned().unwrap_or_else(|| client(&name, ""));
        client.credentials.push(Arc::new(credential));
        directory.insert(Entry::new(client, []));
    }
    let keyring = Keyring::new(signing_keys(&vault), &vault, None).unwrap();
    Snapshot { revision, directory, keyring, revocations: Arc::default() }
}

/// Somebody else's issuer: one ES256 key, used through a library that is not ours.
pub(crate) struct Platform {
    key: EncodingKey,
    jwk: Jwk,
}

impl Platform {
    pub(crate) fn new(kid: &str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref());
        let mut jwk = Jwk::from_encoding_key(&key, Alg::ES256).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        Self { key, jwk }
    }

    pub(crate) fn jwks(&self) -> String {
        json!({ "keys": [self.jwk] }).to_string()
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let mut header = Header::new(Alg::ES256);
        header.kid.clone_from(&self.jwk.common.key_id);
        encode(&header, claims, &self.key).unwrap()
    }
}
