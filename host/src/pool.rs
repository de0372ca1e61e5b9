//! Instances for requests to use, one at a time each.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tessera_fetch::chain;
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::error;

use crate::{
    documents::Documents,
    instance::{Instance, InstanceError, PolicyProblem},
    runtime::Runtime,
};

/// Instances of one policy. One that fails is dropped, and the next request makes a new one.
pub(crate) struct Pool {
    runtime: Runtime,
    policy: String,
    documents: Arc<Documents>,
    /// As many permits as there may be instances.
    permits: Semaphore,
    idle: Mutex<Vec<Instance>>,
}

/// An instance in use.
pub(crate) struct Lease<'p> {
    pool: &'p Pool,
    instance: Instance,
    _permit: SemaphorePermit<'p>,
}

/// Why there is no instance to be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NewInstanceError {
    /// It failed before it could be used.
    #[error(transparent)]
    Failed(#[from] InstanceError),
    /// It refused a policy that an earlier instance accepted.
    #[error("the verifier refuses its policy")]
    Policy(Vec<PolicyProblem>),
    /// Nobody gives out instances any more.
    #[error("the pool is closed")]
    Closed,
}

impl Pool {
    pub(crate) fn new(runtime: Runtime, policy: &str, documents: Arc<Documents>, size: usize) -> Self {
        Self {
            runtime,
            policy: policy.to_owned(),
            documents,
            permits: Semaphore::new(size.clamp(1, Semaphore::MAX_PERMITS)),
            idle: Mutex::default(),
        }
    }

    /// An instance of this policy that belongs to nobody and knows nothing yet.
    pub(crate) fn new_instance(&self) -> Result<Instance, NewInstanceError> {
        Instance::new(&self.runtime, &self.policy)?.map_err(NewInstanceError::Policy)
    }

    /// Gives an instance to whoever asks next.
    pub(crate) fn admit(&self, instance: Instance) {
        self.idle().push(instance);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Instance>> {
        // Nothing is changed by halves, so what a panic left behind is whole.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An instance that knows of all that was fetched. Waits while all are in use.
    ///
    /// Making one and catching up are computation, on the caller's thread: some milliseconds for a policy and
    /// key sets that were read before, within the same bounds.
    pub(crate) async fn lease(&self) -> Result<Lease<'_>, NewInstanceError> {
        let permit = self.permits.acquire().await.map_err(|_| NewInstanceError::Closed)?;
        let idle = self.idle().pop();
        let instance = match idle {
            Some(instance) => instance,
            None => self.new_instance()?,
        };
        let mut lease = Lease { pool: self, instance, _permit: permit };
        lease.instance.catch_up(&self.documents)?;
        Ok(lease)
    }
}

impl Lease<'_> {
    /// Uses the instance. It goes back to the others afterwards, unless it failed.
    pub(crate) fn call<T>(
        mut self,
        call: impl FnOnce(&mut Instance) -> Result<T, InstanceError>,
    ) -> Result<T, InstanceError> {
        match call(&mut self.instance) {
            Ok(value) => {
                self.pool.admit(self.instance);
                Ok(value)
            }
            Err(error) => {
                error!(error = chain(&error), "a verifier instance failed and is replaced");
                Err(error)
            }
        }
    }
}
