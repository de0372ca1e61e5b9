//! Instances for requests to use, one at a time each.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tessera_fetch::chain;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::error;

use crate::{
    clock,
    documents::{Examination, FetchRequest, FetchResult, History, LastSeen},
    driver::Instances,
    instance::{Instance, InstanceError, Step},
    problem::PolicyProblem,
    request::{PlainRequest, Request},
    runtime::Runtime,
};

/// Instances of one policy. One that fails is dropped, and the next request makes a new one.
pub(crate) struct Pool {
    runtime: Runtime,
    policy: String,
    claims: bool,
    history: Arc<History>,
    required_headers: Vec<String>,
    /// As many permits as there may be instances.
    permits: Semaphore,
    idle: Mutex<Vec<Member>>,
}

struct Member {
    instance: Instance,
    last_seen: LastSeen,
}

/// An instance in use.
struct Lease<'p> {
    pool: &'p Pool,
    member: Member,
    _permit: SemaphorePermit<'p>,
}

/// Why an instance cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewInstanceError {
    /// It failed before it could be used.
    #[error(transparent)]
    Failed(#[from] InstanceError),
    /// It refused the policy.
    #[error("the verifier refuses its policy")]
    Policy(Vec<PolicyProblem>),
}

/// Why no instance can be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LeaseError {
    /// A new one was needed, and cannot be made.
    #[error(transparent)]
    New(#[from] NewInstanceError),
    /// It failed while it was used.
    #[error(transparent)]
    Failed(#[from] InstanceError),
    /// The pool gives out no instances any more.
    #[error("the pool is closed")]
    Closed,
}

impl Pool {
    /// A pool with its first instance.
    pub(crate) fn new(
        runtime: Runtime,
        policy: &str,
        claims: bool,
        history: Arc<History>,
        size: usize,
    ) -> Result<Self, NewInstanceError> {
        let first = Member::new(&runtime, policy, claims)?;
        Ok(Self {
            required_headers: first.instance.required_headers().to_vec(),
            runtime,
            policy: policy.to_owned(),
            claims,
            history,
            permits: Semaphore::new(size.clamp(1, Semaphore::MAX_PERMITS)),
            idle: Mutex::new(vec![first]),
        })
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Member>> {
        // Nothing is changed by halves, so what a panic left behind is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance that knows of all that was fetched. Waits while all are in use.
    ///
    /// Making one and catching up are computation, on the caller's thread: some milliseconds for a policy and
    /// key sets that were read before, within the same bounds.
    async fn lease(&self) -> Result<Lease<'_>, LeaseError> {
        let permit = self.permits.acquire().await.map_err(|_| LeaseError::Closed)?;
        let idle = self.idle().pop();
        let mut member = match idle {
            Some(member) => member,
            None => Member::new(&self.runtime, &self.policy, self.claims)?,
        };
        let Member { instance, last_seen } = &mut member;
        self.history.catch_up(last_seen, |result| instance.apply_fetch(result))?;
        Ok(Lease { pool: self, member, _permit: permit })
    }
}

impl Instances for Pool {
    type Error = LeaseError;

    async fn authorize(&self, request: &Request<'_>, attempt: u64) -> Result<(Step, LastSeen), LeaseError> {
        // A value that is not UTF-8 gets replacement characters, with which it matches nothing.
        let fields: Vec<(&str, Cow<'_, str>)> = self
            .required_headers
            .iter()
            .flat_map(|name| request.headers.get_all(name).iter().map(move |value| (name.as_str(), value)))
            .map(|(name, value)| (name, String::from_utf8_lossy(value.as_bytes())))
            .collect();
        let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, &**value)).collect();
        let Request { method, host, target, .. } = *request;
        let request = PlainRequest { method, host, target, headers: &fields };
        let lease = self.lease().await?;
        Ok(lease.call(|instance| instance.authorize(&request, attempt, clock::now()))?)
    }

    async fn due_fetches(&self) -> Result<(Vec<FetchRequest>, LastSeen), LeaseError> {
        let lease = self.lease().await?;
        Ok(lease.call(|instance| instance.due_fetches(clock::now()))?)
    }

    fn examine(&self, result: &FetchResult) -> Result<Examination, LeaseError> {
        let mut instance = Member::new(&self.runtime, &self.policy, self.claims)?.instance;
        // What came before may say where this document is.
        self.history.prepare(|earlier| instance.apply_fetch(earlier))?;
        Ok(instance.apply_fetch(result)?)
    }
}

impl Member {
    fn new(runtime: &Runtime, policy: &str, claims: bool) -> Result<Self, NewInstanceError> {
        let instance = Instance::new(runtime, policy, claims)?.map_err(NewInstanceError::Policy)?;
        Ok(Self { instance, last_seen: LastSeen::default() })
    }
}

impl Lease<'_> {
    /// Uses the instance. It goes back to the others afterwards, unless it failed.
    fn call<T>(
        mut self,
        call: impl FnOnce(&mut Instance) -> Result<T, InstanceError>,
    ) -> Result<(T, LastSeen), InstanceError> {
        match call(&mut self.member.instance) {
            Ok(value) => {
                let last_seen = self.member.last_seen;
                self.pool.idle().push(self.member);
                Ok((value, last_seen))
            }
            Err(error) => {
                error!(error = chain(&error), "a verifier instance failed and is replaced");
                Err(error)
            }
        }
    }
}
