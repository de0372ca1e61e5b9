//! The whole scene: a platform that gives workloads their identity, the issuer, a resource service, and the proxy
//! with the verifier before it. All of them real processes on loopback ports, free ones unless told otherwise, their
//! state in a folder that goes with them.

mod error;
mod issuer;
mod registration;

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

pub use self::{
    error::StageError,
    issuer::{Issuer, issued},
};
use crate::{
    artefacts::Artefacts,
    http::{Call, Exchange, get},
    process::Server,
    token::Token,
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

/// Where the servers of a scene listen on the loopback address; 0 for a free port.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// The issuer.
    pub issuer: u16,
    /// The platform.
    pub platform: u16,
    /// The resource service.
    pub orders: u16,
    /// The proxy.
    pub proxy: u16,
}

impl Ports {
    /// Four ports in a row.
    #[must_use]
    pub fn from(first: u16) -> Self {
        let port = |offset| first.saturating_add(offset);
        Self { issuer: first, platform: port(1), orders: port(2), proxy: port(3) }
    }
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

impl Scene {
    /// Sets the scene: starts everything and registers everybody by the command line.
    pub async fn set(stage: &Stage) -> Result<Self, StageError> {
        Self::set_on(stage, Ports::default()).await
    }

    /// Sets the scene on certain ports.
    pub async fn set_on(stage: &Stage, ports: Ports) -> Result<Self, StageError> {
        let folder = tempfile::Builder::new().prefix("tessera-").tempdir()?;
        let program = stage.artefacts.tessera();
        let issuer = Issuer::start_on(ports.issuer, "issuer", folder.path(), program, &[]).await?;
        let platform = Issuer::start_on(ports.platform, "platform", folder.path(), program, &[]).await?;
        let mut commands = Vec::new();
        let workload_secret = registration::at_platform(&platform, &issuer, &mut commands).await?;
        let reports_secret = registration::at_issuer(&issuer, &platform, &mut commands).await?;
        let address = loopback(ports.orders);
        let orders = Server::start("orders", folder.path(), &stage.orders, [&address]).await?;
        let policy = folder.path().join("policy.json");
        fs::write(&policy, format!("{:#}\n", policy_for(&issuer)))?;
        let proxy = start_proxy(stage, ports.proxy, folder.path(), &policy, &orders).await?;
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
    port: u16,
    folder: &Path,
    policy: &Path,
    upstream: &Server,
) -> Result<Server, StageError> {
    let (policy, component) = (policy.as_os_str(), stage.artefacts.component().as_os_str());
    let (address, upstream) = (loopback(port), upstream.origin());
    let args = [
        "--listen".as_ref(),
        address.as_ref(),
        "--upstream".as_ref(),
        upstream.as_ref(),
        "--policy".as_ref(),
        policy,
        "--component".as_ref(),
        component,
    ];
    Ok(Server::start("proxy", folder, stage.artefacts.proxy(), args).await?)
}

fn loopback(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

/// A URL with another path. The paths are ours and valid; `set_path` would encode what is not.
fn below(url: &Url, path: &str) -> Url {
    let mut url = url.clone();
    url.set_path(path);
    url
}
