//! What the corpus cannot show: keys that change, issuers that are away, and what the two say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tessera_tests::{
    envoy::{Envoy, Options, bootstrap, clock::Clock},
    http::{Exchange, get},
    token::Token,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, sleep},
};
use url::Url;

use super::{Row, case, program};
use crate::stage;

/// When the corpus's tokens are good, in seconds since 1970.
const NOW: u64 = 1_790_000_000;

/// Far above what anything here takes.
const WITHIN: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How many requests come at once, before there is a key set.
const AT_ONCE: usize = 20;

/// Characters of a token that a challenge has room for in any case.
const TOLD: usize = 200;

/// The two filters, each in a listener of its name, and where each has its key set from.
const FILTERS: [&str; 2] = ["jwt_authn", "tessera"];

/// An issuer whose key set is at `/FILTER`, so that each filter's fetches can be told apart.
#[derive(Clone)]
struct Issuer {
    url: Url,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// The key set; without one it closes connections.
    keys: Option<Value>,
    /// Whether answers to `jwt_authn` are held back. Ours asks before there are requests.
    held: bool,
    /// How often each path was asked for.
    fetches: HashMap<String, usize>,
}

/// Both filters before a service of which Envoy itself answers for, with one configuration.
struct Both {
    envoy: Envoy,
    clock: Clock,
    issuer: Issuer,
    listeners: HashMap<&'static str, Url>,
    _folder: tempfile::TempDir,
}

impl Issuer {
    async fn start(keys: Value, held: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
        let state = Arc::new(Mutex::new(State { keys: Some(keys), held, ..State::default() }));
        let issuer = Self { url, state };
        let answering = issuer.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let answering = answering.clone();
                tokio::spawn(async move { answering.answer(stream).await });
            }
        });
        issuer
    }

    async fn answer(&self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut head).await.unwrap_or(0) == 0 {
                return;
            }
        }
        let head = String::from_utf8(head).unwrap();
        let path = head.split(' ').nth(1).unwrap().trim_start_matches('/').to_owned();
        *self.state.lock().unwrap().fetches.entry(path.clone()).or_default() += 1;
        while path == "jwt_authn" && self.state.lock().unwrap().held {
            sleep(LOOK_EVERY).await;
        }
        let Some(keys) = self.state.lock().unwrap().keys.clone() else { return };
        let body = keys.to_string();
        let head = "HTTP/1.1 200 OK\r\nconnection: close\r\ncache-control: max-age=60";
        let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        // Whoever no longer waits needs no answer.
        let _ = stream.write_all(answer.as_bytes()).await;
    }

    fn fetches(&self, filter: &str) -> usize {
        self.state.lock().unwrap().fetches.get(filter).copied().unwrap_or(0)
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }
}

impl Both {
    async fn with(keys: Value, held: bool, audience: &str) -> Self {
        let issuer = Issuer::start(keys, held).await;
        let identifier = "https://id.example";
        let uri = |filter: &str| format!("{identifier}/{filter}");
        let ours = bootstrap::filter(
            &stage().artefacts.envoy_filter().unwrap(),
            &json!({
                "policy": {
                    "issuers": [{ "issuer": identifier, "jwks_uri": uri("tessera") }],
                    "audiences": [audience],
                },
                "clusters": { identifier: "issuer" },
            }),
        );
        let theirs = bootstrap::typed(
            "envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            json!({
                "providers": { "issuer": {
                    "issuer": identifier,
                    "audiences": [audience],
                    "remote_jwks": {
                        "http_uri": { "uri": uri("jwt_authn"), "cluster": "issuer", "timeout": "5s" },
                        "cache_duration": "2s",
                    },
                } },
                "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "issuer" } }],
            }),
        );
        let theirs = json!({ "name": "jwt_authn", "typed_config": theirs });
        let listeners = [("jwt_authn", theirs), ("tessera", ours)].map(|(name, filter)| {
            let mut listener = bootstrap::listener(name, &[filter], &[bootstrap::route_answered()]);
            listener["filter_chains"][0]["filters"][0]["typed_config"]["stat_prefix"] = name.into();
            listener
        });
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::new(folder.path(), NOW).await.unwrap();
        let options = Options { environment: clock.environment(), ..Options::default() };
        let config = bootstrap::bootstrap(&listeners, &[bootstrap::cluster("issuer", &issuer.url)]);
        let envoy = Envoy::start(&program(), &config, &options).await.unwrap();
        let mut urls = HashMap::new();
        for name in FILTERS {
            urls.insert(name, envoy.listener(name).await.unwrap());
        }
        Self { envoy, clock, issuer, listeners: urls, _folder: folder }
    }

    fn at(&self, filter: &str) -> Url {
        self.listeners[filter].clone()
    }

    async fn ask(&self, filter: &str, token: &str) -> Exchange {
        get(self.at(filter)).bearer(token).send().await.unwrap()
    }

    /// The statuses of both, with one token.
    async fn statuses(&self, token: &str) -> [u16; 2] {
        [self.ask(FILTERS[0], token).await.status.as_u16(), self.ask(FILTERS[1], token).await.status.as_u16()]
    }
}

/// Looks until something holds.
async fn until<F: Future<Output = bool>>(holds: impl Fn() -> F) {
    let deadline = Instant::now() + WITHIN;
    while !holds().await {
        assert!(Instant::now() < deadline, "it never came to that");
        sleep(LOOK_EVERY).await;
    }
}

fn row<T: ToString>(what: &str, [theirs, ours]: [T; 2]) -> Row {
    (what.to_owned(), vec![theirs.to_string(), ours.to_string()])
}

/// Requests that come before anybody has asked for anything.
pub(super) async fn at_once() -> Row {
    let (token, keys) = case("alg-rs256");
    let both = Both::with(keys, true, "orders").await;
    let mut responses = JoinSet::new();
    for filter in FILTERS {
        for _ in 0..AT_ONCE {
            responses.spawn(get(both.at(filter)).bearer(token.as_str()).send());
        }
    }
    // One that came after the first answer would find the set.
    let waiting = "http.jwt_authn.downstream_rq_active";
    until(async || both.envoy.stat(waiting).await == Some(AT_ONCE as u64)).await;
    both.issuer.change(|state| state.held = false);
    for response in responses.join_all().await {
        let response = response.unwrap();
        assert_eq!(response.status, 200, "{response:?}");
    }
    let fetches = FILTERS.map(|filter| both.issuer.fetches(filter));
    row("fetches for 20 first requests at once", fetches)
}

/// A key that the issuer has begun to sign with.
pub(super) async fn a_new_key() -> Row {
    let ((old_token, old), (new_token, new)) = (case("alg-eddsa"), case("alg-rs256"));
    let both = Both::with(old.clone(), false, "orders").await;
    assert_eq!(both.statuses(&old_token).await, [200, 200]);
    let mut all = old;
    all["keys"].as_array_mut().unwrap().extend(new["keys"].as_array().unwrap().clone());
    both.issuer.change(|state| state.keys = Some(all));
    // Ours does not ask again for half a minute, whatever tokens come.
    both.clock.set(NOW + 40).unwrap();
    row("a token by a key that the issuer has added since", both.statuses(&new_token).await)
}

/// An issuer that is away when its key set is due.
pub(super) async fn an_issuer_that_is_away() -> Row {
    let (token, keys) = case("alg-rs256");
    let both = Both::with(keys, false, "orders").await;
    assert_eq!(both.statuses(&token).await, [200, 200]);
    both.issuer.change(|state| state.keys = None);
    both.clock.set(NOW + 100).unwrap();
    let before = both.issuer.fetches("tessera");
    until(async || both.issuer.fetches("tessera") > before).await;
    let before = both.issuer.fetches("jwt_authn");
    until(async || {
        both.ask("jwt_authn", &token).await;
        both.issuer.fetches("jwt_authn") > before
    })
    .await;
    row("a good token when the key set is due and the issuer is away", both.statuses(&token).await)
}

/// What both say, and look at first.
pub(super) async fn answers() -> Vec<Row> {
    let (token, keys) = case("alg-rs256");
    let both = Both::with(keys.clone(), false, "ledger").await;
    let forged = Token::parse(&token).unwrap().with_other_signature();
    let mut rows = vec![
        row("a token for another audience", both.statuses(&token).await),
        row("a forged token for another audience", both.statuses(forged.as_str()).await),
    ];
    let mut bodies = Vec::new();
    for filter in FILTERS {
        let body = both.ask(filter, &token).await.body;
        bodies.push(if body.is_empty() { "nothing".to_owned() } else { body });
    }
    rows.push((String::from("what the caller reads in the body then"), bodies));

    let both = Both::with(keys, false, "https://orders/").await;
    rows.push(row("a token for `orders` where `https://orders/` is asked for", both.statuses(&token).await));
    let mut told = [false; 2];
    for (filter, told) in FILTERS.into_iter().zip(&mut told) {
        let mut url = both.at(filter);
        url.set_query(Some(&format!("access_token={}", forged.as_str())));
        let refused = get(url).send().await.unwrap();
        assert_eq!(refused.status, 401, "{filter}: {refused:?}");
        *told = refused.challenge().unwrap().contains(forged.as_str().get(..TOLD).unwrap());
    }
    let told = told.map(|told| if told { "yes" } else { "no" });
    rows.push(row("a forged token in the query is told in the challenge, as far as it fits", told));
    rows
}
