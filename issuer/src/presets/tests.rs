//! Each preset against tokens as its platform mints them, every claim of them, signed by another library.

use serde_json::{Map, Value, json};
use tessera_fetch::{FetchOptions, Fetcher};

use super::*;
use crate::domain::CredentialKind;
use crate::service::{AssertionUse, Assertions};
use crate::testing::{NOW, Platform, credential, snapshot};

mod cluster;
mod refused;
mod tokens;

const OURS: &str = "https://id.example";

fn made(preset: &str, parameters: &[(&str, &str)]) -> Result<WorkloadRegistration, String> {
    let parameters =
        parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    registration(preset, &parameters).map_err(|error| error.to_string())
}

/// What comes of a token where the preset's registration is the only one: nothing, or what is off.
async fn judge(registration: &WorkloadRegistration, claims: &Value) -> Result<(), String> {
    let platform = Platform::new("k");
    let usage = match registration.profile {
        Profile::JwtSvid => AssertionUse::Spiffe,
        Profile::Jwt | Profile::AccessToken => AssertionUse::Grant,
    };
    let keys = match usage {
        AssertionUse::Spiffe => platform.jwks().replace(r#""kid""#, r#""use":"jwt-svid","kid""#),
        _ => platform.jwks(),
    };
    let registration =
        WorkloadRegistration { keys: KeySource::inline(&keys).unwrap(), ..registration.clone() };
    let state = snapshot(1, vec![credential("shop", CredentialKind::Workload(registration))]);
    let fetcher = Fetcher::new(FetchOptions::default()).unwrap();
    let issuer = OURS.parse().unwrap();
    let endpoints = crate::http::endpoints(&issuer);
    let assertions =
        Assertions::new(&issuer, &endpoints, fetcher, false, crate::store::ReplayGuard::unavailable());
    let assertion = platform.sign(claims);
    match assertions.authenticate(&state, &assertion, usage, None, || NOW).await {
        Ok(client) => {
            assert_eq!(client.client().as_str(), "shop");
            Ok(())
        }
        Err(error) => {
            let text = error.to_string();
            Err(text.rsplit_once(", but ").map_or(text.clone(), |(_, unmet)| unmet.to_owned()))
        }
    }
}

/// A member of a token, by its path; `null` takes it away.
fn changed(claims: &Value, path: &[&str], value: &Value) -> Value {
    let mut claims = claims.clone();
    let (last, path) = path.split_last().unwrap();
    let mut object: &mut Map<String, Value> = claims.as_object_mut().unwrap();
    for name in path {
        object = object.get_mut(*name).unwrap().as_object_mut().unwrap();
    }
    match value {
        Value::Null => drop(object.remove(*last).unwrap()),
        value => drop(object.insert((*last).to_owned(), value.clone())),
    }
    claims
}

async fn assert_judged(
    preset: &str,
    parameters: &[(&str, &str)],
    token: &Value,
    off: &[(&[&str], Value, &str)],
) {
    let registration = made(preset, parameters).unwrap();
    assert_eq!(judge(&registration, token).await, Ok(()), "{preset}");
    for (path, value, expected) in off {
        let refused = judge(&registration, &changed(token, path, value)).await;
        assert_eq!(refused, Err((*expected).to_owned()), "{preset} {path:?} {value}");
    }
}

#[tokio::test]
async fn kubernetes() {
    let parameters =
        [("namespace", "shop"), ("service-account", "billing"), ("issuer", "https://kubernetes.default.svc")];
    let token = tokens::kubernetes();
    assert_judged(
        "kubernetes",
        &parameters,
        &token,
        &[
            (
                &["kubernetes.io", "namespace"],
                json!("other"),
                r#"the claim `kubernetes.io/namespace` is "other""#,
            ),
            (
                &["kubernetes.io", "serviceaccount", "name"],
                json!("default"),
                r#"the claim `kubernetes.io/serviceaccount/name` is "default""#,
            ),
            (
                &["sub"],
                json!("system:serviceaccount:shop:billing2"),
                r#"the claim `sub` is "system:serviceaccount:shop:billing2""#,
            ),
            (
                &["aud"],
                json!(["https://kubernetes.default.svc"]),
                r#"the claim `aud` is "https://kubernetes.default.svc""#,
            ),
            (&["aud"], json!([OURS, "vault"]), r#"the claim `aud` is "https://id.example" "vault""#),
            (
                &["exp"],
                json!(NOW.as_seconds() - 60 + 31_536_000),
                "the verifier refuses it: the token lives 31536000 s; the policy allows 86700 s",
            ),
            (&["exp"], Value::Null, "the verifier refuses it: the claim `exp` is missing"),
        ],
    )
    .await;
    let with_uid =
        [&parameters[..], &[("service-account-uid", "a709ef71-30e2-489a-bd19-ade97031b9db")]].concat();
    assert_judged(
        "kubernetes",
        &with_uid,
        &token,
        &[(
            &["kubernetes.io", "serviceaccount", "uid"],
            json!("0d8b260e-ef0e-45fb-be8e-ff44f97722e8"),
            r#"the claim `kubernetes.io/serviceaccount/uid` is "0d8b260e-ef0e-45fb-be8e-ff44f97722e8""#,
        )],
    )
    .await;
    // A token of old, from a Secret: without audience, expiry and the nested claims.
    let registration =
        made("kubernetes", &[&parameters[..2], &[("issuer", "https://legacy.example")]].concat()).unwrap();
    let refused = judge(&registration, &tokens::kubernetes_legacy()).await;
    assert_eq!(refused, Err("the assertion cannot be read: the claim `aud` is missing".to_owned()));
}

#[tokio::test]
async fn gcp() {
    let account = ("unique-id", "113924789465123456789");
    let parameters = [account, ("email", "billing@acme-prod.iam.gserviceaccount.com")];
    let token = tokens::gcp();
    assert_judged(
        "gcp",
        &parameters,
        &token,
        &[
            (&["sub"], json!("113924789465123456780"), r#"the claim `sub` is "113924789465123456780""#),
            (
                &["email"],
                json!("billing@acme-dev.iam.gserviceaccount.com"),
                r#"the claim `email` is "billing@acme-dev.iam.gserviceaccount.com""#,
            ),
            (&["email_verified"], json!(false), "the claim `email_verified` is false"),
            (&["email_verified"], Value::Null, "the claim `email_verified` is absent"),
            (&["aud"], json!("https://run.example"), r#"the claim `aud` is "https://run.example""#),
        ],
    )
    .await;
    assert_eq!(judge(&made("gcp", &[account]).unwrap(), &token).await, Ok(()));
}

#[tokio::test]
async fn aws() {
    let parameters = [
        ("issuer", "https://0b5b3d4e-1f6a-4c1d-9a55-1b2f3c4d5e6f.tokens.sts.global.api.aws"),
        ("principal", "arn:aws:iam::123456789012:role/service/Billing"),
        ("organization", "o-abc1234567"),
    ];
    let claims = "https://sts.amazonaws.com/";
    assert_judged(
        "aws",
        &parameters,
        &tokens::aws(),
        &[
            (
                &["sub"],
                json!("arn:aws:iam::123456789012:role/service/Other"),
                r#"the claim `sub` is "arn:aws:iam::123456789012:role/service/Other""#,
            ),
            (
                &[claims, "aws_account"],
                json!("210987654321"),
                r#"the claim `https://sts.amazonaws.com//aws_account` is "210987654321""#,
            ),
            (&[claims, "org_id"], Value::Null, "the claim `https://sts.amazonaws.com//org_id` is absent"),
            (&["aud"], json!("https://api.example"), r#"the claim `aud` is "https://api.example""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn azure() {
    let parameters = [
        ("tenant", "aaaabbbb-0000-cccc-1111-dddd2222eeee"),
        ("object-id", "00aa00aa-bb11-cc22-dd33-44ee44ee44ee"),
        ("audience", "11112222-bbbb-3333-cccc-4444dddd5555"),
        ("client-id", "00001111-aaaa-2222-bbbb-3333cccc4444"),
    ];
    let other = "99999999-bbbb-3333-cccc-4444dddd5555";
    let shown = |claim: &str| format!(r#"the claim `{claim}` is "{other}""#);
    assert_judged(
        "azure",
        &parameters,
        &tokens::azure(),
        &[
            (&["oid"], json!(other), &shown("oid")),
            (&["sub"], json!(other), &shown("sub")),
            (&["tid"], json!(other), &shown("tid")),
            (&["azp"], json!(other), &shown("azp")),
            (&["aud"], json!(other), &shown("aud")),
            (&["ver"], json!("1.0"), r#"the claim `ver` is "1.0""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn github() {
    let parameters = [
        ("repository-id", "456789"),
        ("owner-id", "123456"),
        ("ref", "refs/heads/main"),
        ("environment", "production"),
    ];
    // The subject in its old form, in the immutable one, and one that the repository made up.
    for subject in [
        "repo:octo-org/octo-repo:environment:production",
        "repo:octo-org@123456/octo-repo@456789:environment:production",
        "repository_owner:octo-org:workflow:deploy",
    ] {
        let token = tokens::github(subject);
        assert_judged(
            "github",
            &parameters,
            &token,
            &[
                (&["repository_id"], json!("456780"), r#"the claim `repository_id` is "456780""#),
                (&["repository_id"], json!(456_789), r#"the claim `repository_id` is the number "456789""#),
                (&["repository_owner_id"], json!("123450"), r#"the claim `repository_owner_id` is "123450""#),
                (&["ref"], json!("refs/pull/7/merge"), r#"the claim `ref` is "refs/pull/7/merge""#),
                (&["environment"], json!("staging"), r#"the claim `environment` is "staging""#),
                (&["environment"], Value::Null, "the claim `environment` is absent"),
                (
                    &["event_name"],
                    json!("pull_request_target"),
                    r#"the claim `event_name` is "pull_request_target""#,
                ),
                (
                    &["aud"],
                    json!("https://github.com/octo-org"),
                    r#"the claim `aud` is "https://github.com/octo-org""#,
                ),
            ],
        )
        .await;
    }
    // Whoever registers the old name anew has other numbers.
    let recycled = changed(
        &tokens::github("repo:octo-org/octo-repo:environment:production"),
        &["repository_id"],
        &json!("900000"),
    );
    let named = [&parameters[..], &[("repository", "octo-org/octo-repo")]].concat();
    assert_eq!(
        judge(&made("github", &named).unwrap(), &recycled).await,
        Err(r#"the claim `repository_id` is "900000""#.to_owned())
    );

    let patterns = [
        ("repository-id", "456789"),
        ("owner-id", "123456"),
        ("ref", "refs/heads/release/*"),
        ("workflow", "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/release/*"),
        ("events", "push,workflow_run"),
    ];
    let token = tokens::github("repo:octo-org/octo-repo:ref:refs/heads/release/2");
    let token = changed(&token, &["ref"], &json!("refs/heads/release/2"));
    let path = "octo-org/octo-repo/.github/workflows/deploy.yml@refs/heads/release";
    let token = changed(&token, &["workflow_ref"], &json!(format!("{path}/2")));
    let other = "octo-org/octo-repo/.github/workflows/other.yml@refs/heads/release/2";
    assert_judged(
        "github",
        &patterns,
        &token,
        &[
            (&["ref"], json!("refs/heads/release/2/x"), r#"the claim `ref` is "refs/heads/release/2/x""#),
            (&["ref"], json!("refs/heads/release:2"), r#"the claim `ref` is "refs/heads/release:2""#),
            (&["workflow_ref"], json!(other), &format!("the claim `workflow_ref` is {other:?}")),
            (&["event_name"], json!("workflow_dispatch"), r#"the claim `event_name` is "workflow_dispatch""#),
        ],
    )
    .await;
}

#[tokio::test]
async fn gitlab() {
    let parameters = [("project-id", "22"), ("ref", "main"), ("project", "acme/shop/billing")];
    assert_judged("gitlab", &parameters, &tokens::gitlab(), &[
        (&["project_id"], json!("23"), r#"the claim `project_id` is "23""#),
        (&["project_path"], json!("acme/shop/other"), r#"the claim `project_path` is "acme/shop/other""#),
        (&["ref"], json!("feature"), r#"the claim `ref` is "feature""#),
        (&["ref_type"], json!("tag"), r#"the claim `ref_type` is "tag""#),
        (&["ref_protected"], json!("false"), r#"the claim `ref_protected` is "false""#),
        (&["iss"], json!("https://gitlab.example"), r#"no registration is for "https://gitlab.example" about "project_path:acme/shop/billing:ref_type:branch:ref:main""#),
    ])
    .await;
    let parameters = [("project-id", "22"), ("environment", "production")];
    let unprotected = changed(&tokens::gitlab(), &["environment_protected"], &json!("false"));
    assert_judged(
        "gitlab",
        &parameters,
        &tokens::gitlab(),
        &[(&["environment_protected"], json!("false"), r#"the claim `environment_protected` is "false""#)],
    )
    .await;
    let registration = made("gitlab", &[&parameters[..], &[("unprotected", "true")]].concat()).unwrap();
    assert_eq!(judge(&registration, &unprotected).await, Ok(()));
}

#[tokio::test]
async fn spiffe() {
    let keys = ("jwks-uri", "https://spire.example.org/bundle");
    let token = tokens::spiffe("spiffe://example.org/ns/shop/sa/billing");
    let parameters = [("trust-domain", "example.org"), ("path", "/ns/*/sa/billing"), keys];
    let none = |domain: &str, id: &str| format!(r#"no registration is for "spiffe://{domain}" about "{id}""#);
    assert_judged(
        "spiffe",
        &parameters,
        &token,
        &[
            (
                &["sub"],
                json!("spiffe://example.org/ns/shop/x/sa/billing"),
                r#"the claim `sub` is "spiffe://example.org/ns/shop/x/sa/billing""#,
            ),
            (
                &["sub"],
                json!("spiffe://example.com/ns/shop/sa/billing"),
                &none("example.com", "spiffe://example.com/ns/shop/sa/billing"),
            ),
            (&["aud"], json!(["vault"]), r#"the claim `aud` is "vault""#),
        ],
    )
    .await;
}

#[test]
fn all_presets_are_listed_by_name_with_help() {
    let names: Vec<&str> = list().iter().map(|preset| preset.name).collect();
    assert_eq!(names, ["aws", "azure", "gcp", "github", "gitlab", "kubernetes", "spiffe"]);
    for parameter in list().iter().flat_map(|preset| preset.parameters).chain(common_parameters()) {
        assert!(!parameter.about.is_empty(), "{}", parameter.name);
    }
}

#[test]
fn where_the_keys_are_can_be_said() {
    let base = [("namespace", "shop"), ("service-account", "billing"), ("issuer", "https://k.example")];
    let keys = |more: &[(&str, &str)]| {
        made("kubernetes", &[&base[..], more].concat()).map(|registration| registration.keys)
    };
    let (uri, set) = ("https://k.example/openid/v1/jwks", r#"{"keys":[]}"#);
    assert_eq!(keys(&[]), Ok(KeySource::Discovery));
    assert_eq!(keys(&[("jwks-uri", uri)]), Ok(KeySource::uri(uri).unwrap()));
    assert_eq!(keys(&[("jwks", set)]), Ok(KeySource::inline(set).unwrap()));
    assert!(keys(&[("jwks", set), ("jwks-uri", uri)]).is_err());
}
