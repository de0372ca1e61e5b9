//! `tessera client`.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::args::{self, ClientCommand};
use super::output::{Answer, table};
use super::{Failure, Session};
use crate::domain::{Change, Client, ClientId, ClientSecret, Directory, KeySource, ScopeSet, Trust};
use crate::service::Assertions;
use crate::store::Store as _;

/// Bytes read of a key set file at most: one more than is taken, so that too long is noticed.
const MAX_JWKS_FILE: u64 = crate::domain::MAX_INLINE_JWKS as u64 + 1;

pub(super) async fn run(session: Session, command: ClientCommand) -> Result<Answer, Failure> {
    match command {
        ClientCommand::Add { id, scopes, secret } => add(session, id, scopes_of(scopes)?, secret).await,
        ClientCommand::Offer { id, scopes } => {
            let scopes = scopes_of(scopes)?;
            session.apply(Change::OfferScopes { id: id.clone(), scopes: scopes.clone() }).await?;
            Ok(Answer {
                text: format!("{id} offers {scopes}"),
                json: json!({ "client": id, "scopes": scopes }),
            })
        }
        ClientCommand::Secret { id } => {
            let secret = ClientSecret::generate()?;
            session.apply(Change::SetSecret { id: id.clone(), secret: secret.hash() }).await?;
            Ok(with_secret(format!("{id} has a new secret"), json!({ "client": id }), Some(&secret)))
        }
        ClientCommand::Trust(arguments) => trust(session, arguments).await,
        ClientCommand::Distrust { id, issuer, subject } => {
            let change =
                Change::RemoveTrust { client: id.clone(), issuer: issuer.clone(), subject: subject.clone() };
            session.apply(change).await?;
            Ok(Answer {
                text: format!("{id} no longer trusts {issuer} about {subject}"),
                json: json!({ "client": id, "issuer": issuer, "subject": subject }),
            })
        }
        ClientCommand::Remove { id } => {
            session.apply(Change::RemoveClient { id: id.clone() }).await?;
            Ok(Answer { text: format!("{id} is removed"), json: json!({ "client": id }) })
        }
        ClientCommand::List => {
            let store = session.store().await?;
            let state = store.load().await?;
            store.close().await;
            Ok(list(&state.directory))
        }
    }
}

async fn add(session: Session, id: ClientId, scopes: ScopeSet, secret: bool) -> Result<Answer, Failure> {
    let secret = secret.then(ClientSecret::generate).transpose()?;
    let hash = secret.as_ref().map(ClientSecret::hash);
    session.apply(Change::AddClient { id: id.clone(), scopes: scopes.clone(), secret: hash }).await?;
    Ok(with_secret(format!("{id} is registered"), json!({ "client": id, "scopes": scopes }), secret.as_ref()))
}

async fn trust(session: Session, arguments: args::Trust) -> Result<Answer, Failure> {
    let keys = match (&arguments.jwks_uri, &arguments.jwks) {
        (Some(uri), _) => KeySource::uri(uri)?,
        (None, Some(path)) => KeySource::inline(&read(path)?)?,
        // clap requires one of the two.
        (None, None) => KeySource::uri("")?,
    };
    let trust = Trust {
        client: arguments.id,
        issuer: arguments.issuer,
        keys,
        subject: arguments.subject,
        audience: arguments.audience,
        profile: arguments.profile,
    }
    .checked()?;
    Assertions::check(&trust, session.config.allow_http_loopback)?;
    session.apply(Change::AddTrust(trust.clone())).await?;
    Ok(Answer {
        text: format!("{} trusts {} about {}", trust.client, trust.issuer, trust.subject),
        json: json!({ "client": trust.client, "trust": trust_json(&trust) }),
    })
}

fn list(directory: &Directory) -> Answer {
    let clients = directory.clients();
    let rows: Vec<[String; 4]> = clients.iter().map(|client| row(client, directory)).collect();
    let json: Vec<Value> = clients
        .iter()
        .map(|client| {
            json!({
                "client": client.id,
                "scopes": client.scopes,
                "secret": client.secret.is_some(),
                "trusts": trusts_of(client, directory).map(trust_json).collect::<Vec<_>>(),
                "created_at": client.created_at,
            })
        })
        .collect();
    Answer { text: table(["CLIENT", "OFFERS", "SECRET", "TRUSTS"], &rows), json: json.into() }
}

fn row(client: &Client, directory: &Directory) -> [String; 4] {
    let trusts: Vec<String> = trusts_of(client, directory)
        .map(|trust| format!("{} about {}", trust.issuer, trust.subject))
        .collect();
    let secret = if client.secret.is_some() { "yes" } else { "no" };
    [client.id.to_string(), client.scopes.to_string(), secret.to_owned(), trusts.join(", ")]
}

fn trusts_of<'a>(client: &'a Client, directory: &'a Directory) -> impl Iterator<Item = &'a Trust> {
    directory.trusts().map(|trust| &**trust).filter(|trust| trust.client == client.id)
}

fn trust_json(trust: &Trust) -> Value {
    let jwks_uri = match &trust.keys {
        KeySource::Uri(uri) => Some(uri),
        KeySource::Inline(_) => None,
    };
    json!({
        "issuer": trust.issuer,
        "subject": trust.subject,
        "audience": trust.audience,
        "profile": trust.profile,
        "jwks_uri": jwks_uri,
    })
}

/// Adds a secret to an answer: the only time it is shown.
fn with_secret(mut text: String, mut json: Value, secret: Option<&ClientSecret>) -> Answer {
    if let Some(secret) = secret {
        // Writing to a String does not fail.
        let _ = write!(text, "\nsecret, shown this once: {}", secret.reveal());
        json["secret"] = secret.reveal().into();
    }
    Answer { text, json }
}

fn scopes_of(scopes: Vec<crate::domain::Scope>) -> Result<ScopeSet, Failure> {
    Ok(ScopeSet::new(scopes)?)
}

fn read(path: &Path) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_JWKS_FILE).read_to_string(&mut text))
        .map_err(|source| Failure::File { verb: "read", path: path.to_owned(), source })?;
    Ok(text)
}
