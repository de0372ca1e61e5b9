//! The driver between simulated instances and a simulated network.

use std::{
    convert::Infallible,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use http::HeaderMap;
use tessera_fetch::{Document, FetchError};

use super::*;

/// Instances that need one document, and take turns. Each asks for the document once, then waits.
struct Simulated {
    history: Arc<History>,
    instances: Mutex<Vec<Instance>>,
    turns: AtomicUsize,
    /// Whether instances ask for the document again and again, whatever they are told.
    insatiable: bool,
}

#[derive(Default)]
struct Instance {
    last_seen: LastSeen,
    asked: bool,
    failed: bool,
    has_document: bool,
}

/// A network that takes a moment, and has this text or nothing.
struct Network {
    text: Option<&'static str>,
    requests: Arc<AtomicUsize>,
}

const REFUSED: &str = "refused";

impl Instances for Simulated {
    type Error = Infallible;

    async fn authorize(&self, _: &Request<'_>, attempt: u64) -> Result<(Step, LastSeen), Infallible> {
        let mut instances = self.instances.lock().unwrap();
        let turn = self.turns.fetch_add(1, Ordering::SeqCst) % instances.len();
        let instance = &mut instances[turn];
        let Instance { last_seen, failed, has_document, .. } = instance;
        self.history.catch_up::<Infallible>(last_seen, |result| {
            match result.outcome {
                Outcome::Fetched(_) => *has_document = true,
                Outcome::Failed => *failed = true,
            }
            Ok(Ok(Vec::new()))
        })?;
        let done = |error| Step::Done(Decision::Deny(Rejection::undecided(error, String::new())));
        let step = match instance {
            _ if self.insatiable => Step::Fetch { request: key_set(), attempt: 0 },
            Instance { has_document: true, .. } => done("signature-wrong"),
            Instance { failed: true, .. } => done("keys-unavailable"),
            _ if attempt == LAST_ATTEMPT => done("keys-unavailable"),
            Instance { asked: false, .. } => {
                instance.asked = true;
                Step::Fetch { request: key_set(), attempt: 1 }
            }
            _ => Step::Wait { until: clock::now() + 5, attempt: 1 },
        };
        Ok((step, instance.last_seen))
    }

    async fn due_fetches(&self) -> Result<(Vec<FetchRequest>, LastSeen), Infallible> {
        Ok((Vec::new(), LastSeen::default()))
    }

    fn examine(&self, result: &FetchResult) -> Result<Examination, Infallible> {
        let refused = matches!(&result.outcome, Outcome::Fetched(document) if document.text == REFUSED);
        Ok(if refused { Err("as told".to_owned()) } else { Ok(Vec::new()) })
    }
}

impl Fetch for Network {
    async fn get(&self, request: &FetchRequest) -> Result<Document, FetchError> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(20)).await;
        match self.text {
            Some(text) => Ok(Document { text: text.to_owned(), cache_control: String::new() }),
            None => Err(FetchError::Deadline {
                destination: tessera_fetch::Destination::parse(&request.url, tessera_fetch::PlainHttp::Never)
                    .unwrap(),
                after: request.timeout,
            }),
        }
    }
}

fn key_set() -> FetchRequest {
    FetchRequest {
        id: "keys".to_owned(),
        kind: DocumentKind::KeySet,
        url: "https://issuer.example/keys".to_owned(),
        timeout: Duration::from_secs(5),
        limit: 1000,
    }
}

/// The decisions about 16 requests that come at once to two instances, and how often the network was asked.
async fn decide(text: Option<&'static str>, insatiable: bool) -> (Vec<String>, usize) {
    let history = Arc::new(History::new());
    let instances = Simulated {
        history: Arc::clone(&history),
        instances: Mutex::new(vec![Instance::default(), Instance::default()]),
        turns: AtomicUsize::new(0),
        insatiable,
    };
    let requests = Arc::new(AtomicUsize::new(0));
    let network = Network { text, requests: Arc::clone(&requests) };
    let driver = Arc::new(Driver::new(instances, network, history));
    let callers = (0..16).map(|_| {
        let driver = Arc::clone(&driver);
        tokio::spawn(async move {
            let headers = HeaderMap::new();
            let request = Request { method: "GET", host: "a", target: "/", headers: &headers };
            match driver.authorize(&request).await {
                Decision::Deny(rejection) => rejection.error,
                other => panic!("{other:?}"),
            }
        })
    });
    let mut decisions = Vec::new();
    for caller in callers.collect::<Vec<_>>() {
        decisions.push(caller.await.unwrap());
    }
    decisions.dedup();
    (decisions, requests.load(Ordering::SeqCst))
}

#[tokio::test]
async fn two_instances_that_need_a_document_fetch_it_once() {
    assert_eq!(decide(Some("{}"), false).await, (vec!["signature-wrong".to_owned()], 1));
}

#[tokio::test]
async fn a_fetch_that_fails_is_told_to_all_and_not_repeated() {
    assert_eq!(decide(None, false).await, (vec!["keys-unavailable".to_owned()], 1));
}

#[tokio::test]
async fn a_document_that_an_examination_refuses_counts_as_a_failure() {
    assert_eq!(decide(Some(REFUSED), false).await, (vec!["keys-unavailable".to_owned()], 1));
}

#[tokio::test]
async fn an_instance_that_never_decides_is_given_up_on() {
    let (decisions, _) = decide(Some("{}"), true).await;
    assert_eq!(decisions, ["verifier-failed"]);
}
