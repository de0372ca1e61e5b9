//! The endpoints as their callers meet them.

mod authentication;
mod certificates;
mod documents;
mod exchange;
mod introspection;
mod lookalikes;
mod parser;
mod record;
mod refusals;
mod revoke;
mod stage;
mod status;
mod target;
mod token;

use super::*;
