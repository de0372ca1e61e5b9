//! A component of the verifier's world that misbehaves on request, to test what hosts make of it.
//!
//! The request's target says how: `/trap`, `/loop` and `/grow` do what they say; `/status-200` refuses with
//! a status that would let pass, `/bad-field` allows with a field that is none; everything else is allowed. A policy `trap` traps at load, and a key set
//! `trap` does when it is supplied.

use generated::exports::tessera::verifier::verify::{
    self, Decision, Grant, Guest, GuestVerifier, Problem, Rejection, Request, Want,
};

#[allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::pedantic,
    missing_docs,
    unsafe_code,
    reason = "generated from wit/verifier.wit; the ABI is made of raw pointers"
)]
mod generated {
    wit_bindgen::generate!({ path: "../../../wit", world: "component" });

    #[cfg(target_family = "wasm")]
    export!(Component with_types_in self);

    #[cfg(target_family = "wasm")]
    use super::Component;
}

/// The component's exports.
pub struct Component;

/// The resource `verifier`. It holds the policy, which it takes for a URL to fetch, if it looks like one.
pub struct Verifier(String);

impl Guest for Component {
    type Verifier = Verifier;

    fn check(_policy: String) -> Result<(), Vec<Problem>> {
        Ok(())
    }
}

impl GuestVerifier for Verifier {
    fn load(policy: String) -> Result<verify::Verifier, Vec<Problem>> {
        trap_if(policy == "trap");
        Ok(verify::Verifier::new(Self(policy)))
    }

    fn reads(&self) -> Vec<String> {
        Vec::new()
    }

    fn wants(&self, _now: u64) -> Vec<Want> {
        if self.0.starts_with("http") {
            vec![Want { id: 0, url: self.0.clone(), timeout: 1000, limit: 1000 }]
        } else {
            Vec::new()
        }
    }

    fn supply(&self, _id: u32, text: String, _caching: String, _now: u64) -> Result<Vec<String>, String> {
        trap_if(text == "trap");
        Ok(Vec::new())
    }

    fn fail(&self, _id: u32, _now: u64) {}

    /// It concludes nothing: it says `need` again, which is one of the things it should not.
    fn conclude(&self, request: Request, now: u64) -> Decision {
        self.authorize(request, now)
    }

    fn authorize(&self, request: Request, now: u64) -> Decision {
        let mut set = Vec::new();
        match request.target.as_str() {
            "/trap" => trap_if(true),
            "/loop" => spin(),
            "/grow" => grow(),
            "/need" => return Decision::Need(self.wants(now)),
            "/status-200" => {
                return Decision::Deny(Rejection {
                    status: 200,
                    challenge: Some("Bearer\r\nX-Injected: 1".to_owned()),
                    error: "faulty".to_owned(),
                    reason: "as asked".to_owned(),
                });
            }
            "/bad-field" => set.push(("x-mine".to_owned(), "a\r\nx-injected: 1".to_owned())),
            _ => {}
        }
        Decision::Allow(Grant { identity: None, remove: Vec::new(), set, target: None, refusal: None })
    }
}

/// A failed assertion is how a component traps.
fn trap_if(condition: bool) {
    assert!(!condition, "as asked");
}

fn spin() {
    let mut n = 0_u64;
    while std::hint::black_box(n) != u64::MAX {
        n = n.wrapping_add(2);
    }
}

fn grow() {
    let mut blocks = Vec::new();
    loop {
        blocks.push(std::hint::black_box(vec![1_u8; 1024 * 1024]));
    }
}
