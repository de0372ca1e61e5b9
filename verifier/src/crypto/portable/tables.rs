//! What prepared keys share.

/// The memory that prepared keys may still take, and what they have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {}
