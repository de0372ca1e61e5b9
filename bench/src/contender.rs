//! Those who are measured.

mod component;
mod jsonwebtoken;
mod native;
mod peer;

use std::time::{Duration, Instant};

pub(crate) use self::{
    component::{Blank, Instance, Runtime},
    jsonwebtoken::JsonWebToken,
    native::Native,
    peer::Peer,
};
use crate::error::BenchError;

/// Somebody who decides about tokens, again and again the same way.
pub(crate) trait Contender {
    /// Decides once, for the request that it was made with. Anything but leave to pass is an error.
    fn decide(&mut self) -> Result<(), BenchError>;

    /// Decides so many times, and says how long that took in all.
    fn sample(&mut self, calls: u32) -> Result<Duration, BenchError> {
        let start = Instant::now();
        for _ in 0..calls {
            self.decide()?;
        }
        Ok(start.elapsed())
    }
}
