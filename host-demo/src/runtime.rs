//! The wasmtime engine, the compiled component, and the bounds within which instances run.

use std::{thread, time::Duration};

use wasmtime::{
    Config, Engine, EngineWeak, Store, StoreLimits, StoreLimitsBuilder,
    component::{Component, Linker},
};

/// The bounds of an instance.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How long a decision may take. It takes well below a millisecond; what takes longer than this has
    /// gone wrong, and is refused.
    pub decision: Duration,
    /// How long reading a policy or a key set may take: preparing a hundred keys is real work.
    pub preparation: Duration,
    /// The most memory an instance may have, in bytes.
    pub memory: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            decision: Duration::from_millis(250),
            preparation: Duration::from_secs(5),
            memory: 64 * 1024 * 1024,
        }
    }
}

/// Why a component cannot be run at all.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime refuses the settings on this machine.
    #[error("wasmtime cannot be set up")]
    Engine(#[source] wasmtime::Error),
    /// The bytes are no WebAssembly component.
    #[error("this is no WebAssembly component that wasmtime can compile")]
    Component(#[source] wasmtime::Error),
    /// The component wants something of the host. The verifier wants nothing, so this is not it.
    #[error("the component imports `{0}`; a verifier imports nothing, so this is another component")]
    Import(String),
    /// The thread that measures time for deadlines cannot be started.
    #[error("the deadline thread cannot be started")]
    Ticker(#[source] std::io::Error),
}

/// The compiled component and the engine that runs it.
pub(crate) struct Runtime {
    engine: Engine,
    component: Component,
    /// Empty, and it stays so.
    linker: Linker<StoreLimits>,
    limits: Limits,
}

/// How long a tick of the engine's clock is. A deadline is kept to within one.
const TICK: Duration = Duration::from_millis(10);

impl Runtime {
    pub(crate) fn new(component: &[u8], limits: Limits) -> Result<Self, RuntimeError> {
        let mut config = Config::new();
        config
            // The verifier has no async exports, and calls are quicker without the machinery for them.
            .concurrency_support(false)
            .epoch_interruption(true)
            // Both builds of the verifier run here: with and without 128-bit arithmetic.
            .wasm_wide_arithmetic(true);
        let engine = Engine::new(&config).map_err(RuntimeError::Engine)?;
        let component = Component::new(&engine, component).map_err(RuntimeError::Component)?;
        if let Some((name, _)) = component.component_type().imports(&engine).next() {
            return Err(RuntimeError::Import(name.to_owned()));
        }
        start_ticking(engine.weak())?;
        Ok(Self { linker: Linker::new(&engine), engine, component, limits })
    }

    pub(crate) fn component(&self) -> &Component {
        &self.component
    }

    pub(crate) fn linker(&self) -> &Linker<StoreLimits> {
        &self.linker
    }

    pub(crate) fn limits(&self) -> Limits {
        self.limits
    }

    pub(crate) fn new_store(&self) -> Store<StoreLimits> {
        let limits =
            StoreLimitsBuilder::new().memory_size(self.limits.memory).trap_on_grow_failure(true).build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.epoch_deadline_trap();
        store
    }
}

/// The ticks that fit into a duration, one at least and one more for the tick that is under way.
pub(crate) fn ticks(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis() / TICK.as_millis()).unwrap_or(u64::MAX - 1).saturating_add(1)
}

/// Advances the engine's epoch for as long as the engine lives.
fn start_ticking(engine: EngineWeak) -> Result<(), RuntimeError> {
    thread::Builder::new()
        .name("verifier-deadline".into())
        .spawn(move || {
            while let Some(engine) = engine.upgrade() {
                engine.increment_epoch();
                drop(engine);
                thread::sleep(TICK);
            }
        })
        .map(drop)
        .map_err(RuntimeError::Ticker)
}
