//! `JwtProvider`: whose tokens, by which keys, read where, and what of them goes upstream.

use serde_json::{Map, Value, json};

use super::keys::{local_jwks, remote_jwks};
use super::message::{Message, Placed};
use super::note::Notes;
use super::options::Options;

const KNOWN: &[&str] = &[
    "issuer",
    "audiences",
    "subjects",
    "require_expiration",
    "max_lifetime",
    "remote_jwks",
    "local_jwks",
    "forward",
    "from_headers",
    "from_params",
    "from_cookies",
    "forward_payload_header",
    "pad_forward_payload_header",
    "payload_in_metadata",
    "normalize_payload_in_metadata",
    "header_in_metadata",
    "failed_status_in_metadata",
    "clock_skew_seconds",
    "jwt_cache_config",
    "claim_to_headers",
    "clear_route_cache",
];

/// Seconds, as `jwt_authn` has it where nothing is said.
const CLOCK_SKEW: u64 = 60;
/// The most seconds that a policy takes.
const CLOCK_SKEW_MAX: u64 = 300;
/// The most seconds that a policy takes: a year.
const MAX_LIFETIME_MAX: u64 = 366 * 24 * 60 * 60;
/// Tokens, as `jwt_authn` has it where nothing is said.
const CACHE_ENTRIES: u64 = 100;

/// What a provider is in terms of a policy.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Provider {
    /// Where in the file it is.
    pub(super) place: String,
    /// The `iss` of its tokens.
    pub(super) issuer: String,
    /// The member of `issuers`.
    pub(super) entry: Map<String, Value>,
    /// One at least.
    pub(super) audiences: Vec<String>,
    /// The members of `tokens`.
    pub(super) tokens: Vec<Value>,
    /// Whether the token goes upstream.
    pub(super) forward: bool,
    /// The members of `upstream`, but for the token.
    pub(super) upstream: Map<String, Value>,
    /// How many verified tokens are remembered, if it says so.
    pub(super) cache: Option<u64>,
    /// The origin that its keys come from, and the cluster that reaches it.
    pub(super) cluster: Option<(String, String)>,
}

impl Provider {
    /// Reads a provider. What keeps it from being converted is among the notes.
    pub(super) fn read(value: &Value, place: &str, options: &Options, notes: &Notes) -> Option<Self> {
        let message = Message::read(value, place, KNOWN, notes);
        let issuer = message.text("issuer").map(str::to_owned);
        if issuer.is_none() {
            let text = "`iss` is not checked here; a policy knows its issuers by name: write the issuer's";
            notes.refuse(message.place_of("issuer"), text);
        }
        let audiences = audiences(&message, options, notes);
        let mut entry = Map::new();
        let mut set = |name: &str, value: Value| drop(entry.insert(name.to_owned(), value));
        set("issuer", json!(issuer));
        set("profile", options.profile.name().into());
        set("clock_skew", clock_skew(&message, notes).into());
        if let Some(seconds) = max_lifetime(&message, notes) {
            set("max_lifetime", seconds.into());
        }
        if let Some(condition) = subjects(&message, notes) {
            set("claims", json!([condition]));
        }
        let mut cluster = None;
        match (message.has("remote_jwks"), message.has("local_jwks")) {
            (true, false) => {
                let (uri, reached_by) = remote_jwks(&message, notes)?;
                cluster = reached_by;
                set("jwks_uri", uri.into());
            }
            (false, true) => set("jwks", local_jwks(&message, notes)?),
            _ => notes.refuse(place, "`remote_jwks` or `local_jwks` is expected here, one of them"),
        }
        stricter(&message, options, notes);
        left_out(&message, notes);
        Some(Self {
            place: place.to_owned(),
            issuer: issuer?,
            entry,
            audiences: audiences?,
            tokens: tokens(&message, options, notes),
            forward: message.flag("forward"),
            upstream: upstream(&message, notes),
            cache: cache(&message, notes),
            cluster,
        })
    }
}

/// The audiences that hold for a provider that names these.
pub(super) fn audiences(message: &Message<'_>, options: &Options, notes: &Notes) -> Option<Vec<String>> {
    let place = message.place_of("audiences");
    let named: Vec<String> = message.texts("audiences").into_iter().map(str::to_owned).collect();
    if !named.is_empty() {
        let text = "compared exactly; `jwt_authn` also takes an audience with or without `https://`, `http://` or a \
                    slash at its end";
        notes.stricter(place, text);
        return Some(named);
    }
    if options.audiences.is_empty() {
        let text = "`aud` is not checked here, and a policy always does: say what the service is called with \
                    `--audience NAME`";
        notes.refuse(place, text);
        return None;
    }
    notes.stricter(place, "`aud` was not checked; now it has to name an audience of `--audience`");
    Some(options.audiences.clone())
}

fn clock_skew(message: &Message<'_>, notes: &Notes) -> u64 {
    let skew = message.number("clock_skew_seconds").unwrap_or(CLOCK_SKEW);
    if skew > CLOCK_SKEW_MAX {
        let text = format!("{CLOCK_SKEW_MAX} seconds is the most that a policy takes");
        notes.stricter(message.place_of("clock_skew_seconds"), text);
    }
    skew.min(CLOCK_SKEW_MAX)
}

fn max_lifetime(message: &Message<'_>, notes: &Notes) -> Option<u64> {
    let place = message.place_of("max_lifetime");
    let Some(seconds) = message.seconds("max_lifetime") else {
        let text = "a token may live for a day from its `iat`; write `max_lifetime` to the issuer if its tokens live \
                    longer";
        notes.stricter(place, text);
        return None;
    };
    notes.stricter(place, "counted from the token's `iat`, where it has one, and not from now");
    Some(seconds.clamp(1, MAX_LIFETIME_MAX))
}

/// The condition on `sub` that a `StringMatcher` says.
fn subjects(message: &Message<'_>, notes: &Notes) -> Option<Value> {
    let known = ["exact", "prefix", "suffix", "safe_regex", "contains", "custom", "ignore_case"];
    let matcher = message.message("subjects", &known)?;
    if matcher.flag("ignore_case") {
        notes.stricter(matcher.place_of("ignore_case"), "compared case by case");
    }
    match (matcher.given(&known[..6]).as_slice(), matcher.text("exact"), matcher.text("prefix")) {
        (["exact"], Some(exact), _) => Some(json!({ "claim": "sub", "equals": exact })),
        (["prefix"], _, Some(prefix)) => Some(json!({ "claim": "sub", "prefix": prefix })),
        _ => {
            notes.refuse(matcher.place, "a condition on `sub` can say `exact` or `prefix`, nothing else");
            None
        }
    }
}

/// How many verified tokens are remembered.
fn cache(message: &Message<'_>, notes: &Notes) -> Option<u64> {
    let cache = message.message("jwt_cache_config", &["jwt_cache_size", "jwt_max_token_size"])?;
    if cache.has("jwt_max_token_size") {
        let text = "the memory for tokens is bounded as a whole, by `bytes` of `token_cache`";
        notes.dropped(cache.place_of("jwt_max_token_size"), text);
    }
    Some(cache.number("jwt_cache_size").unwrap_or(CACHE_ENTRIES))
}

/// Where the provider's tokens are read.
fn tokens(message: &Message<'_>, options: &Options, notes: &Notes) -> Vec<Value> {
    let mut tokens = Vec::new();
    for Placed { place, value } in message.list("from_headers") {
        let header = Message::read(value, &place, &["name", "value_prefix"], notes);
        let Some(name) = header.text("name") else {
            notes.refuse(place, "`name` is expected here");
            continue;
        };
        let name = name.to_ascii_lowercase();
        tokens.push(match header.text("value_prefix") {
            None => json!({ "header": name }),
            Some(prefix) => {
                if let Some(scheme) = scheme(&name, prefix) {
                    json!({ "header": name, "scheme": scheme })
                } else {
                    let text =
                        "the token has to follow the prefix at once, and the prefix to begin the value";
                    notes.stricter(header.place_of("value_prefix"), text);
                    json!({ "header": name, "prefix": prefix })
                }
            }
        });
    }
    tokens.extend(message.texts("from_params").iter().map(|name| json!({ "query": name })));
    tokens.extend(message.texts("from_cookies").iter().map(|name| json!({ "cookie": name })));
    if tokens.is_empty() {
        tokens.push(json!({ "header": "authorization", "scheme": "Bearer" }));
        if options.keep_query_tokens {
            tokens.push(json!({ "query": "access_token" }));
        } else {
            let text = "tokens are read from the Authorization field only, and not from the parameter `access_token`, \
                        which ends up in logs; `--keep-query-tokens` keeps it";
            notes.stricter(message.place.clone(), text);
        }
    }
    tokens
}

/// The authentication scheme that a prefix is: a word, and the space that follows it.
fn scheme<'p>(header: &str, prefix: &'p str) -> Option<&'p str> {
    let word = prefix.trim_end_matches(' ');
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    (is_word && (word.len() < prefix.len() || header == "authorization")).then_some(word)
}

/// The members of `upstream`.
fn upstream(message: &Message<'_>, notes: &Notes) -> Map<String, Value> {
    let mut upstream = Map::new();
    let mut claims = Vec::new();
    for Placed { place, value } in message.list("claim_to_headers") {
        let entry = Message::read(value, &place, &["header_name", "claim_name", "claim_path"], notes);
        let path: Vec<&str> = entry
            .list("claim_path")
            .into_iter()
            .filter_map(|Placed { place, value }| Message::read(value, &place, &["key"], notes).text("key"))
            .collect();
        // A dot in `claim_name` is a step into the claim.
        let path = if path.is_empty() {
            entry.text("claim_name").map(|name| name.split('.').collect()).unwrap_or_default()
        } else {
            path
        };
        let claim = match path.as_slice() {
            [] => Value::Null,
            [name] => json!(name),
            path => json!(path),
        };
        match entry.text("header_name") {
            Some(header) if !claim.is_null() => claims.push(json!({ "claim": claim, "header": header })),
            _ => notes.refuse(place, "`header_name` and a claim are expected here"),
        }
    }
    if !claims.is_empty() {
        upstream.insert("claims".to_owned(), claims.into());
    }
    if let Some(header) = message.text("forward_payload_header") {
        upstream.insert("payload".to_owned(), header.into());
        if message.flag("pad_forward_payload_header") {
            let text = "the payload goes upstream as it is in the token, without padding";
            notes.dropped(message.place_of("pad_forward_payload_header"), text);
        }
    }
    upstream
}

/// What is asked of every token besides.
fn stricter(message: &Message<'_>, options: &Options, notes: &Notes) {
    let place = &message.place;
    if !message.flag("require_expiration") && !message.has("max_lifetime") {
        notes.stricter(place.clone(), "a token has to have an `exp`");
    }
    notes.stricter(place.clone(), options.profile.demands());
    let text = "a token is signed with RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 or EdDSA, by a key that is \
                no shared secret, meant for signatures and, for RSA, of 2048 bits at least";
    notes.stricter(place.clone(), text);
    let places = ["from_params", "from_cookies"];
    if !message.flag("forward") && !message.given(&places).is_empty() {
        let text = "the token is also taken out of the query and the cookie, where `jwt_authn` leaves it";
        notes.stricter(place.clone(), text);
    }
}

/// What no decision hangs on.
fn left_out(message: &Message<'_>, notes: &Notes) {
    for (name, text) in [
        (
            "payload_in_metadata",
            "access log, RBAC and rate limit read the filter state instead: `wasm.tessera.subject`, `wasm.tessera.scopes` …, as `attributes` says",
        ),
        ("normalize_payload_in_metadata", "`wasm.tessera.scopes` has the scopes, separated by spaces"),
        ("header_in_metadata", "nothing of the token's header leaves the filter"),
        ("failed_status_in_metadata", "the filter state `wasm.tessera.reason` has the reason of a refusal"),
        (
            "clear_route_cache",
            "routes are not chosen by what is in a token; write a route's requirement into the policy",
        ),
    ] {
        if message.has(name) {
            notes.dropped(message.place_of(name), text);
        }
    }
}
