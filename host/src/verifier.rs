//! The verifier as an async Rust value.

use std::sync::Arc;

use tessera_fetch::{Egress, FetchError, FetchOptions, Fetcher};

use crate::{
    decision::Decision,
    documents::History,
    driver::Driver,
    instance::InstanceError,
    pool::{NewInstanceError, Pool},
    problem::PolicyProblem,
    request::Request,
    runtime::{Limits, Runtime, RuntimeError},
};

/// Decides who may pass, by one policy document, in instances of the component. Clones share everything.
#[derive(Clone)]
pub struct Verifier {
    driver: Arc<Driver<Pool, Fetcher>>,
}

/// How a verifier is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// The bounds of each instance.
    pub limits: Limits,
    /// How many instances there may be, one at least. A decision is pure computation, so more than there
    /// are processors gain nothing.
    pub instances: usize,
    /// Whether an [`Identity`](crate::Identity) has [`claims`](crate::Identity::claims). They are the longest part of
    /// a decision, and few hosts need them.
    pub claims: bool,
    /// Whose certificates count where key sets are fetched, and the proxy to go through.
    pub egress: Egress,
}

/// Why a verifier cannot be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The component cannot be run.
    #[error("the verifier component cannot be run")]
    Runtime(#[from] RuntimeError),
    /// The policy has problems: all of them.
    #[error("the policy has problems:\n{}", lines(.0))]
    Policy(Vec<PolicyProblem>),
    /// The component failed while it read the policy.
    #[error("the verifier failed on the policy")]
    Instance(#[from] InstanceError),
    /// There is no HTTP client to fetch key sets with.
    #[error("nothing can be fetched on this machine")]
    Fetcher(#[from] FetchError),
}

impl Default for Options {
    fn default() -> Self {
        let instances = std::thread::available_parallelism().map_or(1, usize::from);
        Self { limits: Limits::default(), instances, claims: false, egress: Egress::default() }
    }
}

impl Verifier {
    /// Compiles the component, and loads the policy (JSON) into a first instance.
    ///
    /// Compiling takes some tenths of a second. No key set is fetched yet: see
    /// [`keep_fresh`](Self::keep_fresh).
    pub fn load(component: &[u8], policy: &str, options: Options) -> Result<Self, LoadError> {
        let runtime = Runtime::new(component, options.limits)?;
        // Whether http to a loopback address will do is the policy's to say: the verifier wants no such
        // document otherwise.
        let fetcher = Fetcher::new(FetchOptions {
            allow_http_loopback: true,
            egress: options.egress,
            ..FetchOptions::default()
        })?;
        let history = Arc::new(History::new());
        let pool = Pool::new(runtime, policy, options.claims, Arc::clone(&history), options.instances)?;
        Ok(Self { driver: Arc::new(Driver::new(pool, fetcher, history)) })
    }

    /// Fetches key sets when they are due, for ever: the first time at once. To be run as a task of its
    /// own. Without it key sets are fetched by the requests that miss them.
    pub async fn keep_fresh(&self) {
        self.driver.keep_fresh().await;
    }

    /// Decides about a request. Takes some microseconds, or as long as a fetch where one is needed.
    pub async fn authorize(&self, request: &Request<'_>) -> Decision {
        self.driver.authorize(request).await
    }
}

impl From<NewInstanceError> for LoadError {
    fn from(error: NewInstanceError) -> Self {
        match error {
            NewInstanceError::Policy(problems) => Self::Policy(problems),
            NewInstanceError::Failed(error) => Self::Instance(error),
        }
    }
}

fn lines(problems: &[PolicyProblem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
