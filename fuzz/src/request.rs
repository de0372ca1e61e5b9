//! Requests, against a policy with every feature: who gets in without a token, and what goes upstream.

use std::{cell::RefCell, sync::LazyLock};

use serde_json::json;
use tessera_verifier::{Decision, Permit, Request, Verifier};

use crate::scene::{self, AUDIENCE, ISSUER};

static GOOD: LazyLock<String> = LazyLock::new(scene::good_token);

/// The fields that are the verifier's own.
const OWN_FIELDS: [&str; 5] = ["tessera-dry-run", "x-subject", "x-roles", "x-tenant", "x-payload"];

thread_local! {
    static VERIFIER: RefCell<Verifier> = RefCell::new(scene::verifier(&json!({
        "issuers": [{ "issuer": ISSUER, "jwks": scene::key_set(),
                      "claims": [{ "claim": "sub", "exists": true }] }],
        "audiences": [AUDIENCE],
        "tokens": [
            { "header": "authorization", "scheme": "Bearer" },
            { "header": "x-token", "prefix": "Token " },
            { "cookie": "session" },
            { "query": "access_token" },
        ],
        "routes": [
            { "path": { "exact": "/public" }, "public": true },
            { "path": { "prefix": "/public/" }, "public": true },
            { "path": { "prefix": "/optional" }, "optional": true, "scopes": ["orders:read"] },
            { "path": { "prefix": "/dry" }, "dry_run": true, "scopes": ["orders:write"] },
            { "hosts": ["*.internal.example"], "path": { "template": "/orders/{id}/lines/{line}" },
              "any_scopes": ["orders:read", "orders:admin"] },
            { "methods": ["GET", "HEAD"], "path": { "regex": "/orders/[0-9]+" }, "scopes": ["orders:read"] },
            { "methods": ["POST"], "path": { "prefix": "/orders" }, "any_of": [
                { "scopes": ["orders:write"] },
                { "all_of": [{ "claims": [{ "claim": ["realm_access", "roles"], "contains": "admin" }] },
                             { "claims": [{ "claim": "tenant", "one_of": ["blue", "red"] }] }] },
            ] },
            { "path": { "prefix": "/admin" }, "audiences": ["orders-admin"], "issuers": [ISSUER] },
            { "path": { "prefix": "/" }, "claims": [{ "claim": "tenant", "prefix": "bl" }] },
        ],
        "upstream": {
            "claims": [{ "claim": "sub", "header": "X-Subject" }, { "claim": "roles", "header": "x-roles" },
                       { "claim": "tenant", "header": "x_tenant" }],
            "payload": "x-payload",
        },
        "challenge": { "realm": "orders" },
        "resource": { "identifier": "https://orders.example/api", "name": "Orders" },
        "cors_preflight": true,
    })));
}

/// Judges a request: a line with method, host and target, then a line for each field. `$` is a good token.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let text = text.replace('$', &GOOD);
    let mut lines = text.split('\n');
    let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, host, target) = (word(), word(), word());
    let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(": ")).collect();
    let request = Request { method, host, target, headers: &headers };
    let decision = VERIFIER.with_borrow_mut(|verifier| scene::authorize(verifier, &request));
    match &decision {
        Decision::Allow(permit) => check_permit(&request, permit, &text),
        Decision::Deny(rejection) => {
            assert!(matches!(rejection.status(), 400 | 401 | 403), "{}", rejection.status());
            assert!(rejection.challenge().is_none_or(is_clean));
            let reason = rejection.error().to_string();
            assert!(!reason.contains(char::is_control) && !reason.contains(&*GOOD), "{reason}");
        }
        Decision::Respond(_) => {
            let path = target.split('?').next().unwrap_or_default();
            assert!(matches!(method, "GET" | "HEAD") && decoded(path).starts_with("/.well-known/"), "{path}");
        }
    }
    // Nothing that was asked before changes an answer.
    let again = VERIFIER.with_borrow_mut(|verifier| scene::authorize(verifier, &request));
    assert_eq!(outline(&decision), outline(&again), "two answers");
}

fn check_permit(request: &Request<'_>, permit: &Permit, text: &str) {
    for field in OWN_FIELDS {
        assert!(permit.removed_fields().any(|name| name == field), "{field} gets through");
    }
    let given = request.headers.iter().all(|(_, value)| is_clean(value)) && is_clean(request.target);
    for (name, value) in permit.set() {
        let own = OWN_FIELDS.contains(&&*name.replace('_', "-"));
        // The caller's other cookies go on as they came.
        assert!(own || name == "cookie", "{name} is set");
        assert!(is_clean(value) || (name == "cookie" && !given), "{name}: {value:?}");
    }
    if let Some(target) = permit.target() {
        assert!(target.starts_with('/') && (is_clean(target) || !given), "{target:?}");
        assert!(!target.contains(&*GOOD) || request.target.matches(&*GOOD).count() > 1, "{target}");
    }
    let path = decoded(request.target.split('?').next().unwrap_or_default());
    match (permit.token(), permit.refusal()) {
        (Some(_), None) => {
            assert!(text.contains(&*GOOD) || scene::holds_signed_part(text), "a token came from nowhere");
        }
        (None, Some(_)) => assert!(path.starts_with("/dry"), "no dry run: {path}"),
        (None, None) => {
            let field = |own: &str| request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(own));
            let preflight =
                request.method == "OPTIONS" && field("origin") && field("access-control-request-method");
            let open = path.starts_with("/public") || path.starts_with("/optional");
            assert!(preflight || open, "{} {path} without a token", request.method);
            assert!(permit.set().is_empty() && permit.target().is_none());
        }
        (Some(_), Some(_)) => panic!("a token that is refused was verified"),
    }
}

/// What has to be the same each time.
fn outline(decision: &Decision) -> (u8, Option<String>, Vec<(String, String)>) {
    match decision {
        Decision::Allow(permit) => {
            (0, permit.refusal().map(|refusal| refusal.error().to_string()), permit.set().to_vec())
        }
        Decision::Deny(rejection) => (1, Some(rejection.error().to_string()), Vec::new()),
        Decision::Respond(response) => (2, Some(response.body.clone()), Vec::new()),
    }
}

/// What may stand in a header field without harm (RFC 9110 §5.5), ASCII only.
fn is_clean(value: &str) -> bool {
    value.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// A path with every escape resolved, once.
fn decoded(path: &str) -> String {
    let mut decoded = Vec::new();
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        let hex = tail.first_chunk::<2>().filter(|_| *byte == b'%').and_then(|hex| str::from_utf8(hex).ok());
        let escaped = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        decoded.push(escaped.unwrap_or(*byte));
        rest = if escaped.is_some() { tail.get(2..).unwrap_or_default() } else { tail };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
