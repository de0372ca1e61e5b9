//! The status of a token before judges that are not ours, and what `tessera revoke` makes of it.

use serde_json::{Value, json};
use tempfile::TempDir;
use tessera_tests::{artefacts::Artefacts, cli::Cli, http::post_form, process::Server};
use tokio::time::{Duration, Instant, sleep};

use super::judge::{node, python};

/// A change shows within a second, and these judges fetch the list anew each time; the rest is patience.
const SEEN_WITHIN: Duration = Duration::from_secs(15);

struct Stage {
    issuer: Server,
    cli: Cli,
    secret: String,
    _folder: TempDir,
}

impl Stage {
    /// `reports` may call `orders`, whose tokens have a status, signed with this algorithm.
    async fn set(algorithm: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("tessera-").tempdir().unwrap();
        let artefacts = Artefacts::find().unwrap();
        let program = artefacts.tessera();
        let init = ["--listen", "127.0.0.1:0", "--algorithm", algorithm];
        let cli = Cli::init(program, &folder.path().join("issuer"), &init).await.unwrap();
        cli.run(&["client", "add", "orders", "--scope", "orders:read", "--status"]).await.unwrap();
        let added = cli.run(&["client", "add", "reports", "--secret"]).await.unwrap();
        cli.run(&["grant", "add", "reports", "orders", "--scope", "orders:read"]).await.unwrap();
        let args = ["--config".as_ref(), cli.config().as_os_str(), "serve".as_ref()];
        let issuer = Server::start("issuer", folder.path(), program, args).await.unwrap();
        Self { issuer, cli, secret: added["secret"].as_str().unwrap().to_owned(), _folder: folder }
    }

    async fn token(&self) -> String {
        let fields = [("grant_type", "client_credentials"), ("audience", "orders")];
        let call = post_form(self.issuer.url().join("/v1/token").unwrap(), &fields);
        let answer = call.basic("reports", &self.secret).send().await.unwrap();
        answer.member("access_token").unwrap()
    }

    /// What both judges find, who have to agree.
    async fn judge(&self, token: &str) -> Value {
        let job = json!({ "issuer": self.issuer.origin(), "token": token });
        let (jose, pyjwt) = (node("status.mjs", job.clone()).await, python("status.py", job).await);
        assert_eq!(jose["status"], pyjwt["status"]);
        assert_eq!(jose["claims"]["sub"], pyjwt["claims"]["sub"]);
        jose
    }

    async fn status_until(&self, token: &str, status: u64) -> Value {
        let deadline = Instant::now() + SEEN_WITHIN;
        loop {
            let found = node("status.mjs", json!({ "issuer": self.issuer.origin(), "token": token })).await;
            if found["status"] == status {
                return self.judge(token).await;
            }
            assert!(Instant::now() < deadline, "never {status}, at last {found:#}");
            sleep(Duration::from_millis(50)).await;
        }
    }
}

fn name(token: &str) -> String {
    use base64::Engine as _;
    let payload = token.split('.').nth(1).unwrap();
    let payload = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    claims["jti"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn judges_read_that_a_token_is_revoked() {
    for algorithm in ["ES256", "RS256"] {
        let stage = Stage::set(algorithm).await;
        let tokens = [stage.token().await, stage.token().await, stage.token().await];
        let found = stage.judge(&tokens[0]).await;
        assert_eq!((&found["status"], &found["header"]["alg"]), (&json!(0), &json!(algorithm)));
        assert_eq!(found["claims"]["ttl"], 10);

        let revoked = stage.cli.run(&["revoke", "token", &name(&tokens[0])]).await.unwrap();
        let told = json!({ "kind": "token", "name": name(&tokens[0]), "audience": null, "most_with_status": 1, "refused_within": 15 });
        assert_eq!(revoked, told);
        stage.status_until(&tokens[0], 1).await;
        assert_eq!(stage.judge(&tokens[1]).await["status"], 0);

        stage.cli.run(&["revoke", "grant", "reports", "orders"]).await.unwrap();
        stage.status_until(&tokens[1], 1).await;
        assert_eq!(stage.judge(&tokens[2]).await["status"], 1);
        // What is issued once that is seen is good.
        assert_eq!(stage.judge(&stage.token().await).await["status"], 0);
    }
}
