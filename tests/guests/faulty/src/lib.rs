//! A component of the verifier's world that misbehaves on request, to test what hosts make of it.
//!
//! The request's target says how: `/trap`, `/loop` and `/grow` do what they say; `/status-200` refuses with
//! a status that would let pass, `/bad-field` allows with a field that is none; everything else is allowed. A policy `trap` traps at load, and a key set
//! `trap` does when it is supplied.

use generated::exports::tessera::verifier::verify::{
    self, Document, Fetch, Fields, Guest, GuestVerifier, Kind, Options, Permit, Problem, Rejection, Request,
    Step,
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
    fn load(policy: String, _options: Options) -> Result<verify::Verifier, Vec<Problem>> {
        trap_if(policy == "trap");
        Ok(verify::Verifier::new(Self(policy)))
    }

    fn fields(&self) -> Fields {
        Fields { pass: Vec::new(), remove: Vec::new() }
    }

    fn due(&self, _now: u64) -> Vec<Document> {
        let is_url = self.0.starts_with("http");
        is_url.then(|| self.document()).into_iter().collect()
    }

    fn supply(&self, _id: String, text: String, _caching: String, _now: u64) -> Result<Vec<String>, String> {
        trap_if(text == "trap");
        Ok(Vec::new())
    }

    fn fail(&self, _id: String, _now: u64) {}

    fn authorize(&self, request: Request, _attempt: u64, _now: u64) -> Step {
        let mut set = Vec::new();
        match request.target.as_str() {
            "/trap" => trap_if(true),
            "/loop" => spin(),
            "/grow" => grow(),
            // Again and again, which no component should.
            "/need" => return Step::Fetch(Fetch { document: self.document(), attempt: 0 }),
            "/status-200" => {
                return Step::Deny(Rejection {
                    status: 200,
                    challenge: Some("Bearer\r\nX-Injected: 1".to_owned()),
                    error: "faulty".to_owned(),
                    reason: "as asked".to_owned(),
                });
            }
            "/bad-field" => set.push(("x-mine".to_owned(), "a\r\nx-injected: 1".to_owned())),
            _ => {}
        }
        Step::Allow(Permit { identity: None, remove: None, set, target: None, refusal: None })
    }
}

impl Verifier {
    fn document(&self) -> Document {
        Document { id: "0".to_owned(), kind: Kind::Keys, url: self.0.clone(), timeout: 1000, limit: 1000 }
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
