//! Those who are measured.

mod component;
mod jsonwebtoken;
mod native;
mod peer;

use std::time::Duration;

use cpu_time::ThreadTime;

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

    /// Decides so many times, and says how much processor time that took in all.
    fn sample(&mut self, calls: u32) -> Result<Duration, BenchError> {
        // On a busy machine a clock on the wall would time the others.
        let start = ThreadTime::now();
        for _ in 0..calls {
            self.decide()?;
        }
        Ok(start.elapsed())
    }
}
