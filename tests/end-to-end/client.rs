//! The client library against the real issuer and the real proxy.

use std::{fs, time::Duration};

use tessera_client::{AccessToken, Credential, ErrorCode, Request, TokenError, TokenSource};
use tessera_tests::{
    http::get,
    scene::{BILLING, ORDERS, PAYROLL, READ, REPORTS, Scene, WRITE},
};

use crate::stage;

/// Only turns a hang into a failure.
const PATIENCE: Duration = Duration::from_secs(30);

fn source(scene: &Scene, credential: Credential) -> TokenSource {
    TokenSource::for_issuer(scene.issuer.identifier()).allow_http_loopback().build(credential).unwrap()
}

fn reading() -> Request {
    Request::new(ORDERS, [READ]).unwrap()
}

async fn assert_passes(scene: &Scene, token: &AccessToken) {
    let response = get(scene.at("/orders")).bearer(token.expose()).send().await.unwrap();
    assert_eq!(response.status, 200, "{}", scene.proxy.log());
}

#[tokio::test]
async fn every_credential_gets_a_token_that_passes() {
    let scene = Scene::set(&stage()).await.unwrap();
    let file = scene.folder().join("assertion");
    fs::write(&file, scene.identity().await.unwrap().1.as_str()).unwrap();
    for credential in [
        Credential::secret(REPORTS, scene.reports_secret().to_owned()),
        Credential::secret_in_form(REPORTS, scene.reports_secret().to_owned()),
        Credential::assertion_file(&file),
        Credential::assertion_file(&file).with_client_id(BILLING),
    ] {
        let token = source(&scene, credential).token(&reading()).await.unwrap();
        assert_passes(&scene, &token).await;
    }
}

#[tokio::test]
async fn a_token_is_asked_for_once_for_each_audience_and_scopes() {
    let scene = Scene::set(&stage()).await.unwrap();
    let file = scene.folder().join("assertion");
    fs::write(&file, scene.identity().await.unwrap().1.as_str()).unwrap();
    let tokens = source(&scene, Credential::assertion_file(&file));
    // Lines come in the order of the requests, some milliseconds after the answers.
    let requests = async |last: &str| {
        loop {
            let log = scene.issuer.server().log();
            if let Some((before, _)) = log.split_once(last) {
                return before.matches(&format!("outcome=\"issued\" client=\"{BILLING}\"")).count();
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let first = tokens.token(&reading()).await.unwrap();
    for _ in 0..10 {
        assert_eq!(tokens.token(&reading()).await.unwrap().expose(), first.expose());
    }
    let writing = Request::new(ORDERS, [WRITE]).unwrap();
    assert_ne!(tokens.token(&writing).await.unwrap().expose(), first.expose());
    let found = tokio::time::timeout(PATIENCE, requests(&format!("scope=\"{WRITE}\""))).await.unwrap();
    assert_eq!(found, 2, "{}", scene.issuer.server().log());
}

#[tokio::test]
async fn the_issuers_refusals_arrive_by_their_codes() {
    let scene = Scene::set(&stage()).await.unwrap();
    let tokens = source(&scene, Credential::secret(REPORTS, scene.reports_secret().to_owned()));
    for (audience, scope, expected) in
        [(PAYROLL, "payroll:read", ErrorCode::InvalidTarget), (ORDERS, WRITE, ErrorCode::InvalidScope)]
    {
        let request = Request::new(audience, [scope]).unwrap();
        let Err(TokenError::Refused { code, .. }) = tokens.token(&request).await else {
            panic!("{audience} {scope}: not refused")
        };
        assert_eq!(code, expected);
    }
    let wrong = source(&scene, Credential::secret(REPORTS, "wrong".to_owned()));
    let Err(TokenError::Refused { code, .. }) = wrong.token(&reading()).await else { panic!("not refused") };
    assert_eq!(code, ErrorCode::InvalidClient);
}
