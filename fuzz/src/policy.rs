//! Policy documents: each is refused with reasons or loads for good, and what loads decides.

use std::sync::LazyLock;

use tessera_verifier::{Backend, Decision, Request, Verifier, limits};

use crate::scene::{self, NOW};

static BEARER: LazyLock<String> = LazyLock::new(|| format!("Bearer {}", scene::good_token()));

/// Loads a text as a policy document and asks the verifier a few things.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let mut verifier = match Verifier::load(text, Backend::Portable) {
        Ok(verifier) => verifier,
        Err(error) => {
            let problems = error.problems();
            assert!(!problems.is_empty() && problems.len() <= limits::POLICY_PROBLEMS + 1);
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let again = Verifier::load(text, Backend::Portable).expect("what loaded once loads again");
    assert_eq!(again.required_headers(), verifier.required_headers());
    for fetch in verifier.due_fetches(NOW) {
        assert!(fetch.url.starts_with("https://") || fetch.url.starts_with("http://"), "{}", fetch.url);
        let _ = verifier.supply(fetch.id, &scene::key_set().to_string(), "", NOW);
    }
    for method in ["GET", "OPTIONS", "\u{0}"] {
        for target in ["/", "/orders/1?access_token=a.b.c", "/orders/%2e", "*"] {
            for headers in [&[][..], &[("authorization", &**BEARER)], &[("cookie", "a=b; session=x")]] {
                let request = Request { method, host: "orders.example", target, headers };
                // A host that fetches nothing more gets an answer.
                match scene::authorize(&mut verifier, &request) {
                    Decision::Deny(rejection) => assert!((400..600).contains(&rejection.status())),
                    Decision::Allow(permit) => {
                        let clean = |text: &str| text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
                        for (name, value) in permit.set() {
                            assert!(clean(name) && clean(value), "{name}: {value}");
                        }
                    }
                    Decision::Respond(response) => assert_eq!(response.status, 200),
                }
            }
        }
    }
}
