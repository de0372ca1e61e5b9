//! Requests of one instance, with a simulated host around it.

use std::task::{Context, Waker};

use futures_util::future::join_all;

use super::*;

/// A host with a clock that goes on by a millisecond whenever somebody looks at it, and one key server.
struct Simulated {
    milliseconds: Cell<u64>,
    /// How long a fetch takes.
    delay: Duration,
    /// `None`: the server answers 404.
    key_set: Option<&'static str>,
    fetches: Rc<Cell<u32>>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Surroundings for Simulated {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(1_790_000_000 + self.milliseconds.get() / 1000)
    }

    async fn sleep(&self, duration: Duration) {
        let until = self.milliseconds.get() + u64::try_from(duration.as_millis()).unwrap();
        while self.milliseconds.get() < until {
            tokio::task::yield_now().await;
            self.milliseconds.set(self.milliseconds.get() + 1);
        }
    }

    async fn fetch(&self, request: &FetchRequest) -> Result<Document, FetchError> {
        self.fetches.set(self.fetches.get() + 1);
        self.sleep(self.delay.min(request.timeout)).await;
        match self.key_set {
            Some(text) => Ok(Document { text: text.to_owned(), caching: String::new() }),
            None => Err(FetchError::Status(404)),
        }
    }

    async fn log(&self, line: &str) {
        self.log.borrow_mut().push(line.to_owned());
    }

    fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        drop(tokio::task::spawn_local(work));
    }
}

const POLICY_TEXT: &str =
    r#"{"issuers":[{"issuer":"i","jwks_uri":"https://issuer.example/keys?secret"}],"audiences":["a"]}"#;

/// The public key of RFC 7515 appendix A.3, with an identifier.
const KEY_SET: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"a3",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// `{"alg":"ES256","typ":"at+jwt","kid":"a3"}`, `{"iss":"i"}`, and no signature of anybody's.
const UNSIGNED: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6ImEzIn0.eyJpc3MiOiJpIn0.AAAA";

/// The decisions about requests that come together, how often keys were fetched, and the log.
async fn decide(delay: Duration, key_set: Option<&'static str>) -> (Vec<&'static str>, u32, Vec<String>) {
    let (fetches, log) = (Rc::default(), Rc::default());
    let surroundings = Simulated {
        milliseconds: Cell::new(0),
        delay,
        key_set,
        fetches: Rc::clone(&fetches),
        log: Rc::clone(&log),
    };
    let gate = Gate::load(Some(POLICY_TEXT), surroundings).unwrap();
    let head = Head::with_token("/", UNSIGNED);
    let decisions =
        join_all((0..4).map(|_| gate.decide(&head))).await.into_iter().map(|decision| match decision {
            Decision::Deny(rejection) => rejection.error().name(),
            other => panic!("{other:?}"),
        });
    (decisions.collect(), fetches.get(), log.take())
}

#[tokio::test]
async fn requests_that_come_together_wait_for_one_fetch() {
    let (decisions, fetches, _) = decide(Duration::from_millis(300), Some(KEY_SET)).await;
    assert_eq!((decisions, fetches), (vec!["signature-wrong"; 4], 1));
}

#[tokio::test]
async fn a_fetch_that_fails_refuses_them_all_and_is_not_repeated() {
    let (decisions, fetches, log) = decide(Duration::from_millis(300), None).await;
    assert_eq!((decisions, fetches), (vec!["keys-unavailable"; 4], 1));
    assert_eq!(log, ["cannot fetch https://issuer.example/keys: the answer has status 404 instead of 200"]);
}

#[tokio::test]
async fn nobody_waits_longer_than_a_fetch_may_take() {
    let surroundings = Simulated {
        milliseconds: Cell::new(0),
        delay: Duration::from_secs(3600),
        key_set: None,
        fetches: Rc::default(),
        log: Rc::default(),
    };
    let gate = Gate::load(Some(POLICY_TEXT), surroundings).unwrap();
    let head = Head::with_token("/", UNSIGNED);
    let mut first = std::pin::pin!(gate.decide(&head));
    assert!(first.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending(), "it fetches");
    // It is not polled on: the other request waits for it in vain, then tries for itself.
    let Decision::Deny(rejection) = gate.decide(&head).await else { panic!("allowed without keys") };
    assert_eq!(rejection.error().name(), "keys-unavailable");
    assert!(gate.surroundings.milliseconds.get() <= 12_000, "{} ms", gate.surroundings.milliseconds.get());
}

#[test]
fn a_policy_with_problems_is_told_in_full() {
    let load = |policy| {
        let surroundings = Simulated {
            milliseconds: Cell::new(0),
            delay: Duration::ZERO,
            key_set: None,
            fetches: Rc::default(),
            log: Rc::default(),
        };
        Gate::load(policy, surroundings).err().unwrap()
    };
    assert!(load(None).contains("set the environment variable TESSERA_POLICY"));
    let problems = load(Some(r#"{"issuer":[],"audiences":[]}"#));
    assert!(problems.contains("did you mean `issuers`?"), "{problems}");
    assert!(problems.contains("/audiences: at least one is needed"), "{problems}");
}
