//! The verifier as a component under wasmtime, set up as in host-demo.

use std::{fs, hint::black_box, path::Path};

use wasmtime::{
    Config, Engine, ResourceLimiter, Store,
    component::{Component, Linker, ResourceAny},
};

use crate::{
    contender::Contender,
    error::BenchError,
    material::{HOST, METHOD, TARGET, now},
};
use generated::exports::tessera::verifier::verify::{Options, Request, Step};

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    missing_docs,
    unreachable_pub,
    reason = "generated from wit/verifier.wit"
)]
mod generated {
    wasmtime::component::bindgen!({ path: "../../wit", world: "component" });
}

/// A compiled component.
#[derive(Clone)]
pub(crate) struct Runtime {
    pub(crate) name: &'static str,
    engine: Engine,
    component: Component,
}

/// An instance with a policy loaded, and the request that it decides about.
pub(crate) struct Instance {
    name: &'static str,
    store: Store<Memory>,
    bindings: generated::Component,
    verifier: ResourceAny,
    request: Request,
    now: u64,
}

/// An instance without a policy.
pub(crate) struct Blank {
    store: Store<Memory>,
    bindings: generated::Component,
}

/// Takes note of how much memory the guest has, in bytes, and lets it have more.
#[derive(Default)]
struct Memory {
    bytes: usize,
}

/// The deadline of a call, in ticks of a clock that does not run here: setting it is part of each call's cost.
const DEADLINE: u64 = 1;

impl Runtime {
    pub(crate) fn new(name: &'static str, path: &Path) -> Result<Self, BenchError> {
        let bytes =
            fs::read(path).map_err(|source| BenchError::Artefact { path: path.to_owned(), source })?;
        let mut config = Config::new();
        config.concurrency_support(false).epoch_interruption(true).wasm_wide_arithmetic(true);
        let engine = Engine::new(&config).map_err(BenchError::Wasmtime)?;
        let component = Component::new(&engine, bytes).map_err(BenchError::Wasmtime)?;
        Ok(Self { name, engine, component })
    }

    /// An instance with this policy, and a request with this token.
    pub(crate) fn load(&self, policy: &str, token: &str) -> Result<Instance, BenchError> {
        let Blank { mut store, bindings } = self.instantiate()?;
        let verifier = load(&mut store, &bindings, policy)?;
        let request = Request {
            method: METHOD.into(),
            host: HOST.into(),
            target: TARGET.into(),
            headers: vec![("authorization".into(), format!("Bearer {token}"))],
        };
        Ok(Instance { name: self.name, store, bindings, verifier, request, now: now() })
    }

    /// An instance without a policy.
    pub(crate) fn instantiate(&self) -> Result<Blank, BenchError> {
        let mut store = Store::new(&self.engine, Memory::default());
        store.limiter(|memory| memory);
        store.set_epoch_deadline(DEADLINE);
        let linker = Linker::new(&self.engine);
        let bindings = generated::Component::instantiate(&mut store, &self.component, &linker)
            .map_err(BenchError::Wasmtime)?;
        Ok(Blank { store, bindings })
    }
}

impl Blank {
    /// Loads a policy, and lets it go again.
    pub(crate) fn try_out(&mut self, policy: &str) -> Result<(), BenchError> {
        let verifier = load(&mut self.store, &self.bindings, policy)?;
        verifier.resource_drop(&mut self.store).map_err(BenchError::Wasmtime)
    }
}

impl Instance {
    /// How much memory the guest has, in bytes.
    pub(crate) fn memory(&self) -> usize {
        self.store.data().bytes
    }

    /// What is asked from now on comes with this value in its Authorization field.
    pub(crate) fn carry(&mut self, authorization: &str) {
        if let Some((_, value)) = self.request.headers.first_mut() {
            value.clear();
            value.push_str(authorization);
        }
    }

    /// Supplies the document that the token needs.
    pub(crate) fn supply(&mut self, text: &str) -> Result<(), BenchError> {
        let contender = self.name;
        let refused = |reason| BenchError::Refused { contender, reason };
        let id = match self.ask()? {
            Step::Fetch(fetch) => fetch.document.id,
            other => return Err(refused(format!("{other:?}"))),
        };
        let verify = self.bindings.tessera_verifier_verify().verifier();
        let supplied = verify.call_supply(&mut self.store, self.verifier, &id, text, "", self.now);
        supplied.map_err(BenchError::Wasmtime)?.map(drop).map_err(refused)
    }

    /// Decides, one way or the other.
    pub(crate) fn ask(&mut self) -> Result<Step, BenchError> {
        self.store.set_epoch_deadline(DEADLINE);
        let verify = self.bindings.tessera_verifier_verify().verifier();
        verify
            .call_authorize(&mut self.store, self.verifier, &self.request, 0, self.now)
            .map_err(BenchError::Wasmtime)
    }
}

impl Contender for Instance {
    fn decide(&mut self) -> Result<(), BenchError> {
        match self.ask()? {
            Step::Allow(permit) => {
                black_box(permit);
                Ok(())
            }
            other => Err(BenchError::Refused { contender: self.name, reason: format!("{other:?}") }),
        }
    }
}

fn load(
    store: &mut Store<Memory>,
    bindings: &generated::Component,
    policy: &str,
) -> Result<ResourceAny, BenchError> {
    store.set_epoch_deadline(DEADLINE);
    bindings
        .tessera_verifier_verify()
        .verifier()
        .call_load(store, policy, Options { claims: false })
        .map_err(BenchError::Wasmtime)?
        .map_err(|problems| BenchError::Policy(format!("{problems:?}")))
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        self.bytes = desired;
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, _: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}
