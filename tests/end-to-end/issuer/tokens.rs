//! Other people's clients ask what a token is worth, and trade one that they were called with.

use serde_json::{Value, json};

use super::{
    judge::Judge,
    stage::{AUDIENCES, SCOPE, Stage, WITH_SECRET},
};

const INTROSPECTION: [Judge; 5] =
    [Judge::Oauth4webapi, Judge::OpenidClient, Judge::Jose, Judge::Authlib, Judge::PyJwt];
/// Authlib knows no signed answers.
const SIGNED: [Judge; 4] = [Judge::Oauth4webapi, Judge::OpenidClient, Judge::Jose, Judge::PyJwt];

/// What the audience of a token and its callee are set up with: a secret each, and the edge between them.
struct Called {
    stage: Stage,
    /// Of the audience, of the callee.
    secrets: [String; 2],
    /// The token that the audience was called with.
    token: String,
}

impl Called {
    async fn set() -> Self {
        let stage = Stage::set().await;
        let [(audience, _), (callee, _)] = AUDIENCES;
        let exchange = ["grant", "add", audience, callee, "--scope", SCOPE, "--exchange", SCOPE];
        stage.run(&exchange).await;
        let secrets = [stage.secret_for(audience).await, stage.secret_for(callee).await];
        let token = stage.token(WITH_SECRET, audience).await;
        Self { stage, secrets, token }
    }

    fn job(&self, judge: Judge, what: &str, algorithm: &str) -> Value {
        json!({
            "judge": judge.name(),
            "issuer": self.stage.identifier(),
            "client": AUDIENCES[0].0,
            "secret": self.secrets[0],
            "do": what,
            "token": self.token,
            "algorithm": algorithm,
            "parameters": { "audience": AUDIENCES[1].0 },
        })
    }
}

fn with(mut job: Value, changes: &Value) -> Value {
    for (name, value) in changes.as_object().unwrap() {
        job[name] = value.clone();
    }
    job
}

#[tokio::test]
async fn judges_are_told_what_a_token_is_worth() {
    let scene = Called::set().await;
    let [(audience, algorithm), (callee, of_callee)] = AUDIENCES;
    for (judge, signed) in
        INTROSPECTION.map(|judge| (judge, false)).into_iter().chain(SIGNED.map(|judge| (judge, true)))
    {
        let told = format!("{}, signed: {signed}", judge.name());
        let job = with(scene.job(judge, "introspect", algorithm), &json!({ "signed": signed }));
        let stranger = json!({ "client": callee, "secret": scene.secrets[1], "algorithm": of_callee });
        let unproved = json!({ "secret": "tessera_wrong" });
        let jobs = vec![job.clone(), with(job.clone(), &stranger), with(job, &unproved)];
        let answers = judge.ask_about_tokens(jobs).await;
        let [answer, to_stranger, to_unproved] = &*answers else { panic!("{answers:?}") };
        let members = &answer["answer"];
        assert_eq!(members["active"], true, "{told}: {answer:#}");
        for (name, value) in [
            ("sub", WITH_SECRET),
            ("client_id", WITH_SECRET),
            ("aud", audience),
            ("scope", SCOPE),
            ("iss", &scene.stage.identifier()),
            ("token_type", "Bearer"),
        ] {
            assert_eq!(members[name], value, "{told}: {name}");
        }
        assert_eq!(to_stranger["answer"], json!({ "active": false }), "{told}");
        assert_refused(to_unproved, "invalid_client", 401, &told);
    }
}

#[tokio::test]
async fn judges_trade_what_they_were_called_with() {
    let scene = Called::set().await;
    let [(audience, _), (callee, algorithm)] = AUDIENCES;
    for judge in INTROSPECTION {
        let told = judge.name();
        let job = scene.job(judge, "exchange", algorithm);
        let answers = judge.ask_about_tokens(vec![job.clone()]).await;
        let [answer] = &*answers else { panic!("{answers:?}") };
        let (response, claims) = (&answer["response"], &answer["claims"]);
        let of_type = "urn:ietf:params:oauth:token-type:access_token";
        assert_eq!(response["issued_token_type"], of_type, "{told}: {answer:#}");
        assert_eq!(
            (&claims["sub"], &claims["client_id"], &claims["aud"], &claims["scope"], &claims["act"]),
            (
                &WITH_SECRET.into(),
                &audience.into(),
                &callee.into(),
                &SCOPE.into(),
                &json!({ "sub": audience })
            ),
            "{told}"
        );
        let token = response["access_token"].as_str().unwrap();
        scene.stage.verify(token, callee).await;

        // What was traded is for the callee, who has no edge to go on by.
        let onward = json!({
            "client": callee,
            "secret": scene.secrets[1],
            "token": token,
            "parameters": { "audience": audience },
        });
        let refused = [
            (onward, "invalid_target"),
            (json!({ "token": token }), "invalid_request"),
            (json!({ "token": "x" }), "invalid_request"),
            (json!({ "parameters": { "audience": callee, "scope": "more" } }), "invalid_scope"),
            (json!({ "parameters": { "audience": "nobody" } }), "invalid_target"),
        ];
        let jobs = refused.iter().map(|(change, _)| with(job.clone(), change)).collect();
        let answers = judge.ask_about_tokens(jobs).await;
        assert_eq!(answers.len(), refused.len(), "{told}");
        for (answer, (change, code)) in answers.iter().zip(&refused) {
            assert_refused(answer, code, 400, &format!("{told}: {change}"));
        }
    }
}

/// Asserts the error that a judge read out of the answer.
fn assert_refused(answer: &Value, code: &str, status: u16, told: &str) {
    let refused = &answer["refused"];
    assert_eq!((&refused["error"], &refused["status"]), (&code.into(), &status.into()), "{told}: {answer:#}");
}
