//! `tessera credential`.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::{Value, json};

use super::args::credential::{AddWorkload, Certificate, CredentialCommand, Keys};
use super::clock::now;
use super::failure::Failure;
use super::output::{self, Answer, table};
use super::session::Session;
use tessera_issuer::domain::{
    AcceptedAudience, AudienceRule, CertificateMatch, Change, ClientId, ClientKeys, ClientSecret, Conditions,
    Credential, CredentialId, CredentialKind, KeySource, MAX_INLINE_JWKS, RegisteredText, Thumbprint,
    UnixTime, WorkloadRegistration,
};
use tessera_issuer::keys::load_pepper;
use tessera_issuer::presets;
use tessera_issuer::service::Assertions;
use tessera_issuer::store::Store as _;

/// Bytes read of a key set file at most: one more than is taken, so that too long is noticed.
const MAX_JWKS_FILE: u64 = MAX_INLINE_JWKS as u64 + 1;
/// Bytes read of a certificate file at most: a long chain.
const MAX_CERTIFICATE_FILE: u64 = 64 * 1024;

pub(super) async fn run(session: Session, command: CredentialCommand) -> Result<Answer, Failure> {
    match command {
        CredentialCommand::AddSecret { id, expiry } => {
            let (secret, credential) = new_secret(&session, &id, expiry.expires_in)?;
            let answer = add(&session, credential.clone()).await?;
            Ok(with_secret(answer, &secret, &credential))
        }
        CredentialCommand::AddKeys { id, keys, audience_token_endpoint, max_lifetime, expiry } => {
            let accepts = if audience_token_endpoint {
                AcceptedAudience::TokenEndpoint
            } else {
                AcceptedAudience::Issuer
            };
            let kind = CredentialKind::Keys(ClientKeys {
                keys: key_source(&keys)?.ok_or(Failure::Usage("give --jwks or --jwks-uri"))?,
                audience: AudienceRule { accepts, exclusive: true },
                max_lifetime,
            });
            add(&session, new(&id, kind, expiry.expires_in)?).await
        }
        CredentialCommand::AddWorkload(arguments) => {
            let expires_in = arguments.expiry.expires_in;
            let id = arguments.id.clone();
            let registration = match &arguments.preset {
                Some(preset) => on_platform(preset, &arguments)?,
                None => workload(*arguments)?,
            };
            Assertions::check(id.as_str(), &registration, session.config.allow_http_loopback)?;
            add(&session, new(&id, CredentialKind::Workload(registration), expires_in)?).await
        }
        CredentialCommand::Presets => Ok(list_presets()),
        CredentialCommand::AddCertificate { id, certificate, expiry } => {
            let kind = CredentialKind::Certificate(certificate_match(certificate)?);
            add(&session, new(&id, kind, expiry.expires_in)?).await
        }
        CredentialCommand::Remove { credential } => {
            session.apply(Change::RemoveCredential { id: credential.clone() }).await?;
            Ok(Answer { text: format!("{credential} is removed"), json: json!({ "credential": credential }) })
        }
        CredentialCommand::List { id } => list(&session, id).await,
    }
}

/// A generated secret and what is stored of it.
pub(super) fn new_secret(
    session: &Session,
    client: &ClientId,
    expires_in: Option<u64>,
) -> Result<(ClientSecret, Credential), Failure> {
    let pepper = load_pepper(&session.config.secret_pepper)?;
    let secret = ClientSecret::generate()?;
    let credential = new(client, CredentialKind::Secret(pepper.hash(&secret)), expires_in)?;
    Ok((secret, credential))
}

/// Adds a secret to an answer: the only time it is shown.
pub(super) fn with_secret(mut answer: Answer, secret: &ClientSecret, credential: &Credential) -> Answer {
    if let Some(members) = answer.json.as_object_mut() {
        members.insert("secret".to_owned(), secret.reveal().into());
        members.insert("credential".to_owned(), credential.detail());
    }
    answer.text = format!("{}\nsecret, shown this once: {}", answer.text, secret.reveal());
    answer
}

fn new(client: &ClientId, kind: CredentialKind, expires_in: Option<u64>) -> Result<Credential, Failure> {
    let created_at = now();
    Ok(Credential {
        id: CredentialId::generate()?,
        client: client.clone(),
        kind,
        created_at,
        expires_at: expires_in.map(|seconds| created_at.plus(seconds)),
    })
}

async fn add(session: &Session, credential: Credential) -> Result<Answer, Failure> {
    let (client, detail) = (credential.client.clone(), credential.detail());
    let text = format!("{client} has the credential {} ({})", credential.id, credential.kind.as_str());
    session.apply(Change::AddCredential(credential)).await?;
    Ok(Answer { text, json: json!({ "client": client, "credential": detail }) })
}

/// What a preset makes of its parameters; the flags that say the same as one are taken for it.
fn on_platform(preset: &str, arguments: &AddWorkload) -> Result<WorkloadRegistration, Failure> {
    let jwks = arguments.keys.jwks.as_deref().map(|path| read(path, MAX_JWKS_FILE)).transpose()?;
    let flags = [
        ("jwks", jwks),
        ("jwks-uri", arguments.keys.jwks_uri.clone()),
        ("audience", arguments.audience.clone()),
        ("max-lifetime", arguments.max_lifetime.map(|seconds| seconds.to_string())),
    ];
    let flags = flags.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    let mut parameters = BTreeMap::new();
    for (name, value) in flags.chain(arguments.parameters.iter().cloned()) {
        if parameters.insert(name, value).is_some() {
            return Err(Failure::Usage("a parameter of the preset is given twice"));
        }
    }
    Ok(presets::registration(preset, &parameters)?)
}

fn list_presets() -> Answer {
    let described = |parameter: &presets::Parameter| {
        let need = if parameter.required { "" } else { " (optional)" };
        format!("    {:<18}{}{need}\n", parameter.name, parameter.about)
    };
    let mut text = String::new();
    for preset in presets::list() {
        text.extend([preset.name, ": ", preset.about, "\n"]);
        text.extend(preset.parameters.iter().map(described));
    }
    text.push_str("all of them\n");
    text.extend(presets::common_parameters().iter().map(described));
    let of = |parameters: &[presets::Parameter]| -> Vec<Value> {
        let shown =
            |it: &presets::Parameter| json!({ "name": it.name, "about": it.about, "required": it.required });
        parameters.iter().map(shown).collect()
    };
    let presets: Vec<Value> = presets::list()
        .iter()
        .map(|preset| json!({ "name": preset.name, "about": preset.about, "parameters": of(preset.parameters) }))
        .collect();
    Answer { text, json: json!({ "presets": presets, "parameters": of(presets::common_parameters()) }) }
}

fn workload(arguments: AddWorkload) -> Result<WorkloadRegistration, Failure> {
    let keys = match key_source(&arguments.keys)? {
        Some(keys) => keys,
        None if arguments.discovery => KeySource::Discovery,
        None => return Err(Failure::Usage("give --jwks, --jwks-uri or --discovery")),
    };
    let accepts = match arguments.audience {
        Some(audience) => AcceptedAudience::Other(RegisteredText::new("audience", audience)?),
        None if arguments.audience_token_endpoint => AcceptedAudience::TokenEndpoint,
        None => AcceptedAudience::Issuer,
    };
    let subject = arguments.subject.map(|subject| json!({ "claim": "sub", "equals": subject }));
    let conditions: Vec<Value> = subject.into_iter().chain(arguments.conditions).collect();
    Ok(WorkloadRegistration {
        // clap asks for it unless there is a preset.
        issuer: RegisteredText::new("issuer", arguments.issuer.unwrap_or_default())?,
        keys,
        audience: AudienceRule { accepts, exclusive: !arguments.other_audiences },
        conditions: Conditions::new(&conditions)?,
        profile: arguments.profile,
        max_lifetime: arguments.max_lifetime,
    })
}

fn key_source(keys: &Keys) -> Result<Option<KeySource>, Failure> {
    Ok(match (&keys.jwks_uri, &keys.jwks) {
        (Some(uri), _) => Some(KeySource::uri(uri)?),
        (None, Some(path)) => Some(KeySource::inline(&read(path, MAX_JWKS_FILE)?)?),
        (None, None) => None,
    })
}

fn certificate_match(wanted: Certificate) -> Result<CertificateMatch, Failure> {
    let Certificate { subject_dn, san_dns, san_uri, san_ip, san_email, file } = wanted;
    if let Some(path) = file {
        let text = read(&path, MAX_CERTIFICATE_FILE)?;
        let thumbprint = thumbprint(&text).ok_or(Failure::Certificate { path })?;
        return Ok(CertificateMatch::Thumbprint(thumbprint));
    }
    let text = RegisteredText::new;
    Ok(match (subject_dn, san_dns, san_uri, san_ip, san_email) {
        (Some(name), ..) => CertificateMatch::SubjectDn(text("subject_dn", name)?),
        (_, Some(name), ..) => CertificateMatch::SanDns(text("san_dns", name)?),
        (_, _, Some(name), ..) => CertificateMatch::SanUri(text("san_uri", name)?),
        (_, _, _, Some(address), _) => CertificateMatch::SanIp(address),
        (.., Some(name)) => CertificateMatch::SanEmail(text("san_email", name)?),
        _ => return Err(Failure::Usage("say what the certificate has to be")),
    })
}

/// Of the first certificate in PEM text (RFC 7468).
fn thumbprint(pem: &str) -> Option<Thumbprint> {
    use aws_lc_rs::digest;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let (_, rest) = pem.split_once("-----BEGIN CERTIFICATE-----")?;
    let (body, _) = rest.split_once("-----END CERTIFICATE-----")?;
    let der = STANDARD.decode(body.split_ascii_whitespace().collect::<String>()).ok()?;
    digest::digest(&digest::SHA256, &der).as_ref().try_into().ok().map(Thumbprint::new)
}

async fn list(session: &Session, only: Option<ClientId>) -> Result<Answer, Failure> {
    let store = session.store().await?;
    let (state, used) = (store.load().await?, store.last_used().await?);
    store.close().await;
    let mut credentials: Vec<&Credential> = state
        .directory
        .credentials()
        .map(|credential| &**credential)
        .filter(|credential| only.as_ref().is_none_or(|only| *only == credential.client))
        .collect();
    credentials.sort_by_key(|credential| (&credential.client, credential.created_at, &credential.id));
    let rows: Vec<[String; 7]> = credentials.iter().map(|credential| row(credential, &used)).collect();
    let json: Vec<Value> = credentials
        .iter()
        .map(|credential| {
            let mut detail = credential.detail();
            if let Some(members) = detail.as_object_mut() {
                members.insert("client".to_owned(), json!(credential.client));
                members.insert("created_at".to_owned(), json!(credential.created_at));
                members.insert("last_used_at".to_owned(), json!(used.get(credential.id.as_str())));
            }
            detail
        })
        .collect();
    let headings = ["CREDENTIAL", "CLIENT", "KIND", "WHAT", "CREATED", "EXPIRES", "LAST USED"];
    Ok(Answer { text: table(headings, &rows), json: json.into() })
}

fn row(credential: &Credential, used: &HashMap<String, UnixTime>) -> [String; 7] {
    let what = match &credential.kind {
        CredentialKind::Secret(_) => String::new(),
        CredentialKind::Keys(keys) => source(&keys.keys),
        CredentialKind::Workload(registration) => {
            format!("{} {}", registration.issuer, registration.conditions.as_json())
        }
        CredentialKind::Certificate(certificate) => certificate.to_string(),
    };
    let expires = credential.expires_at.map(output::time).unwrap_or_default();
    let last_used = used.get(credential.id.as_str()).copied().map(output::time).unwrap_or_default();
    [
        credential.id.to_string(),
        credential.client.to_string(),
        credential.kind.as_str().to_owned(),
        what,
        output::time(credential.created_at),
        expires,
        last_used,
    ]
}

fn source(keys: &KeySource) -> String {
    match keys {
        KeySource::Discovery => "discovery".to_owned(),
        KeySource::Uri(uri) => uri.as_str().to_owned(),
        KeySource::Inline(_) => "inline".to_owned(),
    }
}

fn read(path: &Path, limit: u64) -> Result<String, Failure> {
    use std::io::Read as _;
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(limit).read_to_string(&mut text))
        .map_err(|source| Failure::File { verb: "read", path: path.to_owned(), source })?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_of_the_first_certificate() {
        // SHA-256 of the three bytes "abc" (FIPS 180-4's example).
        let pem = "x\n-----BEGIN CERTIFICATE-----\nYW\nJj\n-----END CERTIFICATE-----\n";
        let expected = "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0";
        assert_eq!(thumbprint(pem).map(|it| it.to_string()), Some(expected.to_owned()));
        for wrong in ["", "-----BEGIN CERTIFICATE-----", &pem.replace("YW", "?")] {
            assert_eq!(thumbprint(wrong), None, "{wrong}");
        }
    }
}
