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

/// A component is at least one core module with one memory and one table of its functions. One of these
/// bounds without the others would bound nothing.
const MEMORIES: usize = 1;
const CORE_INSTANCES: usize = 4;
const TABLES: usize = 4;
const TABLE_ELEMENTS: usize = 10_000;

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
        let limits = StoreLimitsBuilder::new()
            .memory_size(self.limits.memory)
            .memories(MEMORIES)
            .instances(CORE_INSTANCES)
            .tables(TABLES)
            .table_elements(TABLE_ELEMENTS)
            .trap_on_grow_failure(true)
            .build();
        let mut store = Store::new(&self.engine, limits);
        store.limiter(|limits| limits);
        store.epoch_deadline_trap();
        store
    }
}

/// The ticks that a duration is long, and one more: the tick that is under way may be over at once.
pub(crate) fn ticks(duration: Duration) -> u64 {
    // The engine adds this to the ticks so far, which takes no longer than its life to overflow.
    u32::try_from(duration.as_millis().div_ceil(TICK.as_millis())).map_or(u64::from(u32::MAX), u64::from) + 1
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_never_shorter_than_it_says() {
        for (milliseconds, expected) in [(0, 1), (1, 2), (10, 2), (11, 3), (250, 26)] {
            assert_eq!(ticks(Duration::from_millis(milliseconds)), expected, "{milliseconds} ms");
        }
        assert_eq!(ticks(Duration::MAX), u64::from(u32::MAX) + 1);
    }
}
