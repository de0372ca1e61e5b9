//! `tessera client`.

use serde_json::{Value, json};

use super::args::client::{ClientCommand, ClientSettings};
use super::credential;
use super::failure::Failure;
use super::output::{Answer, table};
use super::session::Session;
use tessera_issuer::domain::{Change, Client, ClientUpdate, Directory, Labels, ScopeSet};

pub(super) async fn run(session: Session, command: ClientCommand) -> Result<Answer, Failure> {
    match command {
        ClientCommand::Add { id, settings, secret } => {
            let secret = if secret { Some(credential::new_secret(&session, &id, None)?) } else { None };
            let change = Change::AddClient {
                id: id.clone(),
                settings: read(settings)?,
                credential: secret.as_ref().map(|(_, credential)| credential.clone()),
            };
            session.apply(change).await?;
            let answer = Answer { text: format!("{id} is registered"), json: json!({ "client": id }) };
            Ok(match secret {
                Some((secret, credential)) => credential::with_secret(answer, &secret, &credential),
                None => answer,
            })
        }
        ClientCommand::Set { id, settings, withdraw, enable, disable } => {
            let enabled = (enable || disable).then_some(enable);
            let settings = ClientUpdate { enabled, withdraw, ..read(settings)? };
            session.apply(Change::SetClient { id: id.clone(), settings }).await?;
            let state = session.load().await?;
            let json = state.directory.client(id.as_str()).map_or(Value::Null, client_json);
            Ok(Answer { text: format!("{id} is changed"), json })
        }
        ClientCommand::Remove { id } => {
            session.apply(Change::RemoveClient { id: id.clone() }).await?;
            Ok(Answer { text: format!("{id} is removed"), json: json!({ "client": id }) })
        }
        ClientCommand::List => Ok(list(&session.load().await?.directory)),
    }
}

fn read(settings: ClientSettings) -> Result<ClientUpdate, Failure> {
    let ClientSettings {
        description,
        labels,
        scopes,
        default_scopes,
        lifetime,
        algorithm,
        status,
        no_status,
    } = settings;
    let labels = if labels.is_empty() { None } else { Some(Labels::new(labels)?) };
    let default_scopes = if default_scopes.is_empty() { None } else { Some(ScopeSet::new(default_scopes)?) };
    Ok(ClientUpdate {
        description,
        labels,
        offer: scopes,
        default_scopes,
        lifetime: lifetime.map(Some),
        algorithm: algorithm.map(Some),
        status: (status || no_status).then_some(status),
        ..ClientUpdate::default()
    })
}

fn list(directory: &Directory) -> Answer {
    let clients = directory.clients();
    let rows: Vec<[String; 5]> = clients.iter().map(|client| row(client)).collect();
    let json: Vec<Value> = clients.iter().map(|client| client_json(client)).collect();
    let text = table(["CLIENT", "ENABLED", "OFFERS", "CREDENTIALS", "DESCRIPTION"], &rows);
    Answer { text, json: json.into() }
}

fn row(client: &Client) -> [String; 5] {
    let scopes: Vec<&str> =
        client.audience.scopes.keys().map(tessera_issuer::domain::Scope::as_str).collect();
    let mut kinds: Vec<&str> = client.credentials.iter().map(|it| it.kind.as_str()).collect();
    kinds.dedup();
    let enabled = if client.enabled { "yes" } else { "no" };
    [
        client.id.to_string(),
        enabled.to_owned(),
        scopes.join(" "),
        kinds.join(" "),
        client.description.as_str().to_owned(),
    ]
}

fn client_json(client: &Client) -> Value {
    json!({
        "client": client.id,
        "description": client.description,
        "labels": client.labels,
        "enabled": client.enabled,
        "scopes": client.audience.scopes.keys().collect::<Vec<_>>(),
        "scope_descriptions": client.audience.scopes,
        "default_scopes": client.audience.default_scopes,
        "lifetime": client.audience.lifetime,
        "algorithm": client.audience.algorithm,
        "status": client.audience.status,
        "credentials": client.credentials.iter().map(|it| it.detail()).collect::<Vec<_>>(),
        "created_at": client.created_at,
    })
}
