//! The endpoints as their callers meet them.

mod authentication;
mod certificates;
mod decision_log;

mod exchange;
mod introspection;
mod lookalikes;
mod parser;

mod refusals;
mod revoke;
mod stage;
mod status;
mod target;
mod token;
mod well_known;

use super::*;
