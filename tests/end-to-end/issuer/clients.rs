//! Other people's clients get tokens in every way, and see what they should when they do not.

use std::{
    collections::BTreeSet,
    time::{SystemTime, UNIX_EPOCH},
};

use serde_json::{Value, json};

use super::{
    assert_current,
    judge::Judge,
    stage::{AUDIENCES, PLATFORM, SCOPE, Stage, WORKLOAD},
    table::{WAYS, Way, document},
};

/// A job for a judge: to get a token for an audience.
fn job(stage: &Stage, way: &Way, judge: Judge, (audience, algorithm): (&str, &str)) -> Value {
    let client = way.client(judge);
    // oauthlib signs assertions with RS256 and nothing else.
    let key = stage.key(if judge == Judge::RequestsOauthlib { "RS256" } else { "ES256" });
    let mut job = json!({
        "judge": judge.name(),
        "issuer": stage.identifier(),
        "grant": way.grant,
        "parameters": { "audience": audience, "scope": SCOPE },
        "client": client,
        "method": way.method,
        "key": key,
        "expect": { "audience": audience, "algorithm": algorithm },
    });
    let certificates = &stage.certificates;
    let certified = match way.method {
        "client_secret_basic" | "client_secret_post" => {
            job["secret"] = stage.secret(client).into();
            return job;
        }
        "none" | "client_assertion" => {
            job["claims"] = assertion(&stage.identifier());
            return job;
        }
        "tls_client_auth" => &certificates.client,
        "self_signed_tls_client_auth" => &certificates.self_signed,
        _ => return job,
    };
    job["tls"] = json!({
        "ca": certificates.authority, "certificate": certified.certificate, "key": certified.key,
    });
    job
}

/// What the platform says of the workload, to one audience.
fn assertion(audience: &str) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    json!({
        "iss": PLATFORM, "sub": WORKLOAD, "aud": audience,
        "iat": now.as_secs(), "exp": now.as_secs() + 300, "jti": now.as_nanos().to_string(),
    })
}

/// The ways that the issuer's metadata promises.
async fn promised(stage: &Stage) -> Vec<&'static Way> {
    let metadata = stage.metadata().await;
    let has = |member: &str, value: &str| metadata[member].as_array().unwrap().contains(&value.into());
    WAYS.iter()
        .filter(|way| has("grant_types_supported", way.grant))
        .filter(|way| way.promised_as.is_none_or(|it| has("token_endpoint_auth_methods_supported", it)))
        .collect()
}

#[tokio::test]
async fn every_judge_gets_tokens_in_every_way() {
    let stage = Stage::set().await;
    let mut found = Vec::new();
    for way in promised(&stage).await {
        for (judge, audience) in way.judges().iter().zip(AUDIENCES.iter().cycle()) {
            let told = format!("{} by {} of {}", way.grant, way.method, judge.name());
            let answer = judge.ask(job(&stage, way, *judge, *audience)).await;
            let (claims, header) = (&answer["claims"], &answer["header"]);
            let client = way.client(*judge);
            assert_eq!(
                (&claims["sub"], &claims["client_id"]),
                (&client.into(), &client.into()),
                "{told}: {answer:#}"
            );
            assert_eq!((&claims["aud"], &claims["scope"]), (&audience.0.into(), &SCOPE.into()), "{told}");
            assert_eq!((&header["typ"], &header["alg"]), (&"at+jwt".into(), &audience.1.into()), "{told}");
            assert_eq!(answer["response"]["scope"], SCOPE, "{told}");
            let token = answer["response"]["access_token"].as_str().unwrap();
            stage.verify(token, audience.0).await;
            found.push((way, *judge, audience.1));
        }
    }
    let algorithms: BTreeSet<_> = found.iter().map(|(.., algorithm)| *algorithm).collect();
    assert_eq!(algorithms.len(), AUDIENCES.len());
    assert_current("docs/judges.md", &document(&found));
}

/// Asserts what a judge threw, and the code that it read out of the answer.
async fn assert_refused(judge: Judge, job: Value, code: &str, status: u16) {
    let told = format!("{} by {} of {}", job["grant"], job["method"], judge.name());
    let answer = judge.ask(job).await;
    let refused = &answer["refused"];
    assert_eq!((&refused["error"], &refused["status"]), (&code.into(), &status.into()), "{told}: {answer:#}");
    let errors: &[&str] = match judge {
        // The latter where the answer has a challenge.
        Judge::Oauth4webapi | Judge::OpenidClient => &["ResponseBodyError", "WWWAuthenticateChallengeError"],
        Judge::Jose => &["Response"],
        Judge::Authlib => &["OAuthError", "OAuth2Error"],
        Judge::RequestsOauthlib => &["InvalidClientError", "InvalidGrantError", "CustomOAuth2Error"],
        Judge::PyJwt => &["Refused"],
    };
    assert!(errors.contains(&refused["by"].as_str().unwrap()), "{told}: {answer:#}");
}

#[tokio::test]
async fn judges_see_that_a_secret_is_wrong() {
    let stage = Stage::set().await;
    for way in promised(&stage).await.into_iter().filter(|way| way.method.starts_with("client_secret")) {
        for judge in way.judges() {
            let mut job = job(&stage, way, *judge, AUDIENCES[0]);
            job["secret"] = "tessera_wrong".into();
            assert_refused(*judge, job, "invalid_client", 401).await;
        }
    }
}

#[tokio::test]
async fn judges_see_that_an_audience_is_not_granted() {
    let stage = Stage::set().await;
    for way in promised(&stage).await {
        for judge in way.judges() {
            assert_refused(*judge, job(&stage, way, *judge, ("nobody", "ES256")), "invalid_target", 400)
                .await;
        }
    }
}

#[tokio::test]
async fn judges_see_that_an_assertion_was_used_before() {
    let stage = Stage::set().await;
    for way in promised(&stage).await.into_iter().filter(|way| way.method == "private_key_jwt") {
        for judge in way.judges() {
            let mut job = job(&stage, way, *judge, AUDIENCES[0]);
            job["claims"] = json!({ "jti": format!("once-by-{}", judge.name()) });
            let first = judge.ask(job.clone()).await;
            assert_eq!(first["claims"]["sub"], way.client(*judge), "{first:#}");
            assert_refused(*judge, job, "invalid_client", 401).await;
        }
    }
}

#[tokio::test]
async fn judges_see_that_an_assertion_is_for_somebody_else() {
    let stage = Stage::set().await;
    for way in promised(&stage).await {
        let code = match way.method {
            "private_key_jwt" | "client_assertion" => ("invalid_client", 401),
            "none" => ("invalid_grant", 400),
            _ => continue,
        };
        for judge in way.judges() {
            let mut job = job(&stage, way, *judge, AUDIENCES[0]);
            let elsewhere = "https://other.example";
            job["claims"] = if way.method == "private_key_jwt" {
                json!({ "aud": elsewhere })
            } else {
                assertion(elsewhere)
            };
            assert_refused(*judge, job, code.0, code.1).await;
        }
    }
}
