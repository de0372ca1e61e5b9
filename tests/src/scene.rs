//! The whole scene: a platform that gives workloads their identity, the issuer, a resource service, and the proxy
//! with the verifier before it. All of them real processes on free loopback ports, their state in a folder that
//! goes with them.

use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};
use url::Url;

use crate::{
    artefacts::{Artefacts, MissingArtefact},
    cli::{Cli, CliError},
    http::{Call, Exchange, HttpError, get, post_form},
    process::{Server, ServerError},
    token::{NotAToken, Token},
};

/// The workload's name on its platform, in the form that Kubernetes gives service accounts.
pub const WORKLOAD: &str = "system:serviceaccount:shop:billing";
/// The client that this workload is at the issuer.
pub const BILLING: &str = "billing";
/// A client with a secret, whose tokens live for [`SHORT_LIFETIME`].
pub const REPORTS: &str = "reports";
/// The audience that the resource service is.
pub const ORDERS: &str = "orders";
/// Another audience that `billing` may call.
pub const LEDGER: &str = "ledger";
/// An audience that nobody may call.
pub const PAYROLL: &str = "payroll";
/// The scope that reading orders needs.
pub const READ: &str = "orders:read";
/// The scope that placing orders needs.
pub const WRITE: &str = "orders:write";

/// How long a token of `reports` lives, in seconds: long enough to be used once on a busy machine, short enough to
/// wait for its end.
pub const SHORT_LIFETIME: u64 = 4;
/// The clock skew in the proxy's policy, in seconds. All clocks here are one clock.
pub const CLOCK_SKEW: u64 = 1;

/// How long a change by the command line may take to show. The issuer promises a second; the rest is patience with
/// a machine that is busy with other tests.
pub(crate) const CHANGE_SEEN_WITHIN: Duration = Duration::from_secs(15);
/// How often a condition that time brings about is looked at.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What a scene is made of.
#[derive(Debug, Clone)]
pub struct Stage {
    /// The project's own binaries.
    pub artefacts: Artefacts,
    /// The resource service's binary.
    pub orders: PathBuf,
}

/// An issuer at work, and its command line.
#[derive(Debug)]
pub struct Issuer {
    server: Server,
    cli: Cli,
}

/// The scene, with everything running. Dropping it ends the processes and removes their state.
#[derive(Debug)]
pub struct Scene {
    /// Gives workloads their identity.
    pub platform: Issuer,
    /// Gives clients their access tokens.
    pub issuer: Issuer,
    /// The resource service.
    pub orders: Server,
    /// The verifier's host, in front of the resource service.
    pub proxy: Server,
    commands: Vec<String>,
    workload_secret: String,
    reports_secret: String,
    folder: TempDir,
}

/// Why the scene could not be set, or a call in it got no answer.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// Something was not built.
    #[error(transparent)]
    Artefact(#[from] MissingArtefact),
    /// A server did not start or stop as it should.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// A command refused.
    #[error(transparent)]
    Cli(#[from] CliError),
    /// A request got no response.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// A file or folder of the scene could not be written.
    #[error("the scene's folder cannot be used")]
    Folder(#[from] io::Error),
    /// A command's answer lacks what it was run for.
    #[error("`tessera {command}` succeeded without naming a secret")]
    NoSecret {
        /// The command.
        command: String,
    },
    /// A response that should hold a token does not.
    #[error("no token came where one was due:{exchange:?}")]
    NoToken {
        /// The exchange, tokens shortened.
        exchange: Box<Exchange>,
        /// What is wrong with what came, where something came.
        #[source]
        source: Option<NotAToken>,
    },
}

impl Issuer {
    /// Creates an issuer's state in a folder of its own below `folder` and serves it on a free loopback port.
    /// `options` are further ones for `tessera init`.
    pub async fn start(
        name: &'static str,
        folder: &Path,
        program: &Path,
        options: &[&str],
    ) -> Result<Self, StageError> {
        let options = [&["--listen", "127.0.0.1:0"], options].concat();
        let cli = Cli::init(program, &folder.join(name), &options).await?;
        let config = cli.config().as_os_str();
        let server =
            Server::start(name, folder, program, ["--config".as_ref(), config, "serve".as_ref()]).await?;
        Ok(Self { server, cli })
    }

    /// Its command line.
    #[must_use]
    pub fn cli(&self) -> &Cli {
        &self.cli
    }

    /// The process.
    #[must_use]
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// Gives the process up, to be stopped.
    #[must_use]
    pub fn into_server(self) -> Server {
        self.server
    }

    /// Its identifier (`iss`): where it listens, as it was given no other.
    #[must_use]
    pub fn identifier(&self) -> String {
        self.server.origin()
    }

    /// A URL below its own.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        below(self.server.url(), path)
    }

    /// Where its keys are.
    #[must_use]
    pub fn jwks_uri(&self) -> Url {
        self.at("/.well-known/jwks.json")
    }

    /// Repeats a token request until it is granted: the running issuer sees what the command line changed within a
    /// second, not at once. A request that stays refused is the error.
    pub async fn once_granted(&self, request: impl Fn() -> Call) -> Result<(Exchange, Token), StageError> {
        let deadline = Instant::now() + CHANGE_SEEN_WITHIN;
        loop {
            match issued(request().send().await?) {
                Err(StageError::NoToken { .. }) if Instant::now() < deadline => sleep(LOOK_EVERY).await,
                granted_or_late => return granted_or_late,
            }
        }
    }

    /// `POST /v1/token` with a form.
    pub fn token_request(&self, fields: &[(&str, &str)]) -> Call {
        post_form(self.at("/v1/token"), fields)
    }
}

impl Scene {
    /// Sets the scene: starts everything and registers everybody by the command line.
    pub async fn set(stage: &Stage) -> Result<Self, StageError> {
        let folder = tempfile::Builder::new().prefix("tessera-").tempdir()?;
        let program = stage.artefacts.tessera();
        let issuer = Issuer::start("issuer", folder.path(), program, &[]).await?;
        let platform = Issuer::start("platform", folder.path(), program, &[]).await?;
        let mut commands = Vec::new();
        let workload_secret = register_at_platform(&platform, &issuer, &mut commands).await?;
        let reports_secret = register_at_issuer(&issuer, &platform, &mut commands).await?;
        let orders = Server::start("orders", folder.path(), &stage.orders, [] as [&str; 0]).await?;
        let policy = folder.path().join("policy.json");
        fs::write(&policy, format!("{:#}\n", policy_for(&issuer)))?;
        let proxy = start_proxy(stage, folder.path(), &policy, &orders).await?;
        let scene =
            Self { platform, issuer, orders, proxy, commands, workload_secret, reports_secret, folder };
        // The last registration at either issuer: who sees it sees all of them.
        scene.platform.once_granted(|| scene.identity_request()).await?;
        scene.issuer.once_granted(|| scene.short_lived()).await?;
        Ok(scene)
    }

    /// The commands that registered everybody, as a person would type them.
    #[must_use]
    pub fn commands(&self) -> &[String] {
        &self.commands
    }

    /// The folder with the scene's state, the policy and the servers' logs.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The proxy's policy file.
    #[must_use]
    pub fn policy(&self) -> PathBuf {
        self.folder().join("policy.json")
    }

    /// A URL of the resource service as its callers know it: through the proxy.
    #[must_use]
    pub fn at(&self, path: &str) -> Url {
        below(self.proxy.url(), path)
    }

    /// A request to the resource service through the proxy.
    pub fn get(&self, path: &str) -> Call {
        get(self.at(path))
    }

    /// The secret of [`REPORTS`].
    #[must_use]
    pub fn reports_secret(&self) -> &str {
        &self.reports_secret
    }

    /// The platform gives the workload a JWT for the issuer (RFC 6749 §4.4).
    pub async fn identity(&self) -> Result<(Exchange, Token), StageError> {
        issued(self.identity_request().send().await?)
    }

    fn identity_request(&self) -> Call {
        let audience = self.issuer.identifier();
        let fields = [("grant_type", "client_credentials"), ("audience", &audience)];
        self.platform.token_request(&fields).basic(WORKLOAD, &self.workload_secret)
    }

    /// The workload asks the issuer for an access token with its identity as assertion (RFC 7523 §2.1).
    pub fn exchange(&self, identity: &Token, audience: &str, scope: &str) -> Call {
        self.issuer.token_request(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", identity.as_str()),
            ("audience", audience),
            ("scope", scope),
        ])
    }

    /// An access token for `billing`, all the way from the platform.
    pub async fn access_token(&self, audience: &str, scope: &str) -> Result<Token, StageError> {
        let (_, identity) = self.identity().await?;
        Ok(issued(self.exchange(&identity, audience, scope).send().await?)?.1)
    }

    /// `reports` asks for a short-lived token with its secret.
    pub fn short_lived(&self) -> Call {
        let fields = [("grant_type", "client_credentials"), ("audience", ORDERS), ("scope", READ)];
        self.issuer.token_request(&fields).basic(REPORTS, &self.reports_secret)
    }
}

/// The token in a token response, with the exchange that brought it.
pub fn issued(exchange: Exchange) -> Result<(Exchange, Token), StageError> {
    match exchange.member("access_token").map(|token| Token::parse(&token)) {
        Some(Ok(token)) if exchange.status.is_success() => Ok((exchange, token)),
        parsed => {
            let source = parsed.and_then(Result::err);
            Err(StageError::NoToken { exchange: Box::new(exchange), source })
        }
    }
}

async fn register_at_platform(
    platform: &Issuer,
    issuer: &Issuer,
    commands: &mut Vec<String>,
) -> Result<String, StageError> {
    let audience = issuer.identifier();
    run(platform, commands, &["client", "add", &audience]).await?;
    let secret = run_for_secret(platform, commands, &["client", "add", WORKLOAD, "--secret"]).await?;
    run(platform, commands, &["grant", "add", WORKLOAD, &audience]).await?;
    Ok(secret)
}

async fn register_at_issuer(
    issuer: &Issuer,
    platform: &Issuer,
    commands: &mut Vec<String>,
) -> Result<String, StageError> {
    let (foreign, keys) = (platform.identifier(), platform.jwks_uri());
    let trust = [
        "client",
        "trust",
        BILLING,
        "--issuer",
        &foreign,
        "--jwks-uri",
        keys.as_str(),
        "--subject",
        WORKLOAD,
    ];
    let lifetime = SHORT_LIFETIME.to_string();
    let steps: [&[&str]; 8] = [
        &["client", "add", ORDERS, "--scope", READ, "--scope", WRITE],
        &["client", "add", LEDGER, "--scope", "ledger:read"],
        &["client", "add", PAYROLL, "--scope", "payroll:read"],
        &["client", "add", BILLING],
        // What the platform hands out are access tokens for the issuer, not plain JWTs.
        &[&trust[..], &["--profile", "at+jwt"]].concat(),
        &["grant", "add", BILLING, ORDERS, "--scope", READ, "--scope", WRITE],
        &["grant", "add", BILLING, LEDGER, "--scope", "ledger:read"],
        &["grant", "add", REPORTS, ORDERS, "--scope", READ, "--lifetime", &lifetime],
    ];
    let secret = run_for_secret(issuer, commands, &["client", "add", REPORTS, "--secret"]).await?;
    for step in steps {
        run(issuer, commands, step).await?;
    }
    Ok(secret)
}

async fn run(issuer: &Issuer, commands: &mut Vec<String>, args: &[&str]) -> Result<Value, StageError> {
    let answer = issuer.cli().run(args).await?;
    commands.push(format!("tessera --config {}/tessera.toml {}", issuer.server.name(), args.join(" ")));
    Ok(answer)
}

async fn run_for_secret(
    issuer: &Issuer,
    commands: &mut Vec<String>,
    args: &[&str],
) -> Result<String, StageError> {
    let answer = run(issuer, commands, args).await?;
    let secret = answer.get("secret").and_then(Value::as_str).map(str::to_owned);
    secret.ok_or_else(|| StageError::NoSecret { command: args.join(" ") })
}

/// The policy of the proxy: who issues, for whom, and which requests need which scopes.
fn policy_for(issuer: &Issuer) -> Value {
    json!({
        "issuers": [{
            "issuer": issuer.identifier(),
            "jwks_uri": issuer.jwks_uri().as_str(),
            "profile": "at+jwt",
            "clock_skew": CLOCK_SKEW,
        }],
        "audiences": [ORDERS],
        "routes": [
            { "path": { "exact": "/healthz" }, "public": true },
            { "methods": ["GET"], "path": { "prefix": "/orders" }, "scopes": [READ] },
            { "methods": ["POST"], "path": { "prefix": "/orders" }, "scopes": [WRITE] },
        ],
        "challenge": { "realm": "orders" },
        "allow_http_loopback": true,
    })
}

async fn start_proxy(
    stage: &Stage,
    folder: &Path,
    policy: &Path,
    upstream: &Server,
) -> Result<Server, StageError> {
    let (policy, component) = (policy.as_os_str(), stage.artefacts.component().as_os_str());
    let upstream = upstream.origin();
    let args = [
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--upstream".as_ref(),
        upstream.as_ref(),
        "--policy".as_ref(),
        policy,
        "--component".as_ref(),
        component,
    ];
    Ok(Server::start("proxy", folder, stage.artefacts.proxy(), args).await?)
}

/// A URL with another path. The paths are ours and valid; `set_path` would encode what is not.
fn below(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url
}
