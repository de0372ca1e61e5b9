//! `--keep`: everything stays, with commands to try, until Ctrl-C.

use std::{
    fs::{OpenOptions, Permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use tessera_tests::scene::{ORDERS, READ, REPORTS, SHORT_LIFETIME, Scene, StageError, WRITE};

/// Readable by whoever runs the demo, and by nobody else.
const PRIVATE: u32 = 0o600;

/// Says what there is to try.
pub(super) async fn invite(scene: &Scene) -> Result<(), StageError> {
    let folder = scene.folder();
    // In files, not on the screen: a terminal's scrollback is no place for a credential.
    write(&folder.join("orders.token"), scene.access_token(ORDERS, READ).await?.as_str())?;
    write(&folder.join("reports.secret"), scene.reports_secret())?;
    let (folder, url, token_url) = (folder.display(), scene.at("/orders"), scene.issuer.at("/v1/token"));
    anstream::println!(
        r#"
Everything is still running. In another terminal:

  cd {folder}

  # no token, a good one, and one without the scope
  curl -i {url}
  curl -i -H "Authorization: Bearer $(cat orders.token)" {url}
  curl -i -H "Authorization: Bearer $(cat orders.token)" -d '{{}}' {url}

  # a fresh token for `{REPORTS}`; it lives for {SHORT_LIFETIME} s
  curl -i -d grant_type=client_credentials -d client_id={REPORTS} --data-urlencode client_secret@reports.secret \
       -d audience={ORDERS} -d scope={READ} {token_url}

  # what the issuer publishes
  curl -i {metadata}
  curl -i {keys}

  # the operator's view; a change is seen within a second
  {tessera} --config issuer/tessera.toml client list
  {tessera} --config issuer/tessera.toml grant add {REPORTS} {ORDERS} --scope {READ} --scope {WRITE}
  {tessera} --config issuer/tessera.toml keys list
  {tessera} --config issuer/tessera.toml keys rotate --now --yes

  # what happened, and why
  tail -f issuer.log proxy.log

Ctrl-C ends it."#,
        metadata = scene.issuer.at("/.well-known/oauth-authorization-server"),
        keys = scene.issuer.jwks_uri(),
        tessera = scene.issuer.cli().program().display(),
    );
    Ok(())
}

fn write(path: &Path, content: &str) -> Result<(), StageError> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(PRIVATE).open(path)?;
    file.set_permissions(Permissions::from_mode(PRIVATE))?;
    Ok(file.write_all(content.as_bytes())?)
}
