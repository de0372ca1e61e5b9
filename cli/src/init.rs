//! `tessera init`.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::actor::actor;
use super::args::init::{Init, InitPkcs11};
use super::clock::now;
use super::failure::Failure;
use super::output::Answer;
use tessera_issuer::domain::{Algorithm, Change, KeyChange};
use tessera_issuer::keys::{
    KeyEncryptionKey, Pkcs11Options, SecretSource, TokenChoice, Vault, VaultOptions, create_pepper,
};
use tessera_issuer::store::{SqliteStore, Store as _};

const CONFIG: &str = "tessera.toml";
const DATABASE: &str = "tessera.db";
const KEK: &str = "tessera.kek";
const PEPPER: &str = "tessera.pepper";

/// The files of a new issuer; those that were begun are removed if it cannot be finished.
struct Files {
    dir: PathBuf,
    finished: bool,
}

pub(super) async fn init(arguments: Init) -> Result<Answer, Failure> {
    let pkcs11 = arguments.pkcs11.as_ref().map(pkcs11_options).transpose()?;
    let config = config_text(&arguments, pkcs11.as_ref())?;
    let mut files = Files::claim(arguments.dir)?;
    files.fill(&config, arguments.algorithm, pkcs11).await?;
    files.finished = true;
    let path = files.path(CONFIG);
    Ok(Answer {
        text: format!("made {0}\nnext: tessera --config {0} serve", path.display()),
        json: json!({
            "config": path,
            "database": files.path(DATABASE),
            "key_encryption_key": files.path(KEK),
            "secret_pepper": files.path(PEPPER),
        }),
    })
}

impl Files {
    /// Makes the folder, and refuses one that already has an issuer in it.
    fn claim(dir: PathBuf) -> Result<Self, Failure> {
        std::fs::create_dir_all(&dir).map_err(|source| Failure::File {
            verb: "write",
            path: dir.clone(),
            source,
        })?;
        match [CONFIG, DATABASE, KEK, PEPPER].iter().map(|name| dir.join(name)).find(|path| path.exists()) {
            Some(path) => Err(Failure::Exists { path }),
            None => Ok(Self { dir, finished: false }),
        }
    }

    /// The configuration comes last: without it nothing here is in use.
    async fn fill(
        &self,
        config: &str,
        algorithm: Algorithm,
        pkcs11: Option<Pkcs11Options>,
    ) -> Result<(), Failure> {
        KeyEncryptionKey::create(&self.path(KEK))?;
        let options = VaultOptions {
            key_encryption_key: SecretSource::File(self.path(KEK)),
            old_key_encryption_keys: Vec::new(),
            algorithm,
            pkcs11,
        };
        let vault = Vault::load(&options).await?;
        create_pepper(&self.path(PEPPER))?;
        let keys = super::keys::first(algorithm, &vault)?;
        let store = SqliteStore::create(&self.path(DATABASE)).await?;
        let added = store.apply(&actor(), &Change::Keys(KeyChange::Add(keys)), now()).await;
        store.close().await;
        added?;
        let path = self.path(CONFIG);
        write_new(&path, config).map_err(|source| Failure::File { verb: "write", path, source })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        for name in [CONFIG, DATABASE, KEK, PEPPER] {
            // What was not begun is not there to be removed.
            let _ = std::fs::remove_file(self.path(name));
        }
    }
}

fn write_new(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// What the command line says of the token, its paths made absolute: the configuration may be elsewhere.
fn pkcs11_options(arguments: &InitPkcs11) -> Result<Pkcs11Options, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path).map_err(|source| Failure::File {
            verb: "read",
            path: path.to_owned(),
            source,
        })
    };
    Ok(Pkcs11Options {
        module: absolute(&arguments.module)?,
        token: TokenChoice::Label(arguments.token.clone()),
        pin: SecretSource::File(absolute(&arguments.pin_file)?),
        sessions: Pkcs11Options::DEFAULT_SESSIONS,
    })
}

/// The table `[pkcs11]`, or what it would look like.
fn pkcs11_text(options: &Pkcs11Options) -> String {
    // A TOML basic string is written as one of JSON is.
    let text = |path: &Path| json!(path.to_string_lossy()).to_string();
    let (TokenChoice::Label(token), SecretSource::File(pin)) = (&options.token, &options.pin) else {
        return String::new();
    };
    format!(
        "\n# The PKCS #11 token in which signing keys are made; those that are sealed in the database sign on.\n\
         [pkcs11]\nmodule = {}\ntoken = {}\npin = {{ file = {} }}\n",
        text(&options.module),
        json!(token),
        text(pin),
    )
}

fn config_text(arguments: &Init, pkcs11: Option<&Pkcs11Options>) -> Result<String, Failure> {
    let Init { listen, issuer, algorithm, .. } = arguments;
    let loopback = listen.ip().is_loopback();
    let issuer = match issuer {
        Some(issuer) => format!("issuer = {}", json!(issuer.as_str())),
        None if loopback => "# issuer = \"https://id.example\"".to_owned(),
        None => return Err(Failure::NoIssuer),
    };
    let tokens = if *algorithm == Algorithm::default() {
        String::new()
    } else {
        format!(
            "\n[tokens]\n# What signs tokens where their audience does not say.\nalgorithm = \"{algorithm}\"\n"
        )
    };
    let pkcs11 = pkcs11.map(pkcs11_text).unwrap_or_default();
    Ok(format!(
        "\
# A Tessera issuer. Unknown keys are errors; paths are relative to this file.

# Where to listen. Port 0 takes a free one.
listen = \"{listen}\"

# The issuer identifier: the https URL by which others reach this server. On a loopback address it may be
# left out; then it is http:// and the address.
{issuer}

# Clients, credentials, grants, sealed signing keys, and the audit record of every change.
database = \"{DATABASE}\"

# The key that seals the signing keys; only the server's user may read it. Back it up apart from the database.
key_encryption_key = \"{KEK}\"

# The key under which client secrets are hashed. Without it no secret in the database is good for anything; if it
# is lost, every client needs a new one.
secret_pepper = \"{PEPPER}\"

# Whether key sets of trusted issuers may be fetched over http from this machine. For development.
allow_http_loopback = {loopback}
{tokens}{pkcs11}"
    ))
}
