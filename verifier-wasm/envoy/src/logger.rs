//! Lines for Envoy's log.

use log::{LevelFilter, Log, Metadata, Record};

use crate::abi;

/// Hands lines over.
struct Logger;

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        abi::log(record.level(), &record.args().to_string());
    }

    fn flush(&self) {}
}

/// Begins to log.
pub(crate) fn begin() {
    // It was begun before, by another configuration in the same virtual machine.
    let _ = log::set_logger(&Logger);
    follow_level();
}

/// Leaves out what Envoy would not write, of which callers without tokens can make a lot. Its level can change any time.
pub(crate) fn follow_level() {
    log::set_max_level(abi::log_level().unwrap_or(LevelFilter::Info));
}
