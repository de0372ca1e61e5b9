//! The tests with real processes: one binary, a module per theme.

// `cfg(test)` always holds here; it is what tells clippy that helpers may panic, too.
#[cfg(test)]
mod component;
