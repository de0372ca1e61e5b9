use super::*;

#[test]
fn v43_takes_https_and_http_only_at_home() {
    let place = "/issuers/0/jwks_uri";
    for (url, expected) in [
        ("https://issuer.example", None),
        ("https://issuer.example:8443/jwks?x=1", None),
        ("https://[2001:db8::1]/jwks", None),
        ("issuer.example", Some("expected a URL that starts with https://")),
        ("HTTPS://issuer.example", Some("expected a URL that starts with https://")),
        ("ftp://issuer.example", Some("expected a URL that starts with https://")),
        ("file:///etc/passwd", Some("expected a URL that starts with https://")),
        ("//issuer.example", Some("expected a URL that starts with https://")),
        ("https://", Some("the URL names no host")),
        ("https:///jwks", Some("the URL names no host")),
        ("https://?x", Some("the URL names no host")),
        ("https://:443/", Some("the URL names no host")),
        ("https://user@issuer.example/", Some("a URL with a user or password in it is not used")),
        ("http://localhost@evil.example/", Some("a URL with a user or password in it is not used")),
        (
            "https://a b/",
            Some("a URL is ASCII without spaces, quotes, backslashes, braces and the characters <>^`|"),
        ),
        (
            "https://issuer.example/\"",
            Some("a URL is ASCII without spaces, quotes, backslashes, braces and the characters <>^`|"),
        ),
        (
            "https://issuer.example\\@evil/",
            Some("a URL is ASCII without spaces, quotes, backslashes, braces and the characters <>^`|"),
        ),
        (
            "http://issuer.example/j",
            Some(
                "http is refused: whoever is in between could replace what is fetched \
                 (write `https://issuer.example/j`)",
            ),
        ),
        (
            "http://127.0.0.1:80/j",
            Some(
                "http is refused, even to a loopback address \
                 (set `\"allow_http_loopback\": true` at the top of the policy)",
            ),
        ),
    ] {
        let expected: Vec<String> = expected.map(|text| format!("{place}: {text}")).into_iter().collect();
        assert_eq!(faults(&with_issuer(&json!({ "jwks_uri": url }))), expected, "{url}");
    }

    let at_home = |url: &str| {
        let mut policy = good();
        policy["issuers"][0]["jwks_uri"] = url.into();
        policy["allow_http_loopback"] = true.into();
        parse(&policy.to_string()).is_ok()
    };
    for url in ["http://localhost:1/j", "http://127.0.0.1/", "http://[::1]:8080", "https://issuer.example"] {
        assert!(at_home(url), "{url}");
    }
    for url in [
        "http://issuer.example/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://0.0.0.0/",
    ] {
        assert!(!at_home(url), "{url}");
    }
    assert_faults(
        &with("challenge", json!({ "resource_metadata": "http://orders.example/m" })),
        &[
            "/challenge/resource_metadata: http is refused: whoever is in between could replace what is fetched \
         (write `https://orders.example/m`)",
        ],
    );
}

#[test]
fn v19_refuses_inline_keys_that_cannot_be_used() {
    let good = Signer::es256().jwk("k");
    let inline = |keys: Json| with_issuer(&json!({ "jwks_uri": null, "jwks": { "keys": keys } }));
    assert_faults(&inline(json!([good])), &[]);
    assert_faults(
        &inline(json!([good, { "kty": "oct", "k": "AA" }, { "kty": "RSA", "n": "AQAB", "e": "AQAB" }])),
        &[
            "/issuers/0/jwks/keys/1: the key cannot be used: it is a shared secret, published: replace it",
            "/issuers/0/jwks/keys/2: the key cannot be used: its modulus has only 17 bits",
        ],
    );
    assert_faults(&inline(json!([])), &["/issuers/0/jwks: the key set has no usable key"]);
    assert_faults(
        &with_issuer(&json!({ "jwks_uri": null, "jwks": [] })),
        &["/issuers/0/jwks: the document is no key set: an object with an array `keys` is expected"],
    );
}

#[test]
fn a_trust_domain_has_a_bundle_and_no_metadata() {
    let domain = |members: &Json| {
        let mut issuer = json!({ "issuer": "spiffe://example.org", "profile": "jwt-svid" });
        for (name, value) in members.as_object().unwrap() {
            issuer[name] = value.clone();
        }
        with("issuers", json!([issuer]))
    };
    let uri = "https://spire.example/bundle";
    assert_faults(&domain(&json!({ "jwks_uri": uri, "algorithms": ["ES256"] })), &[]);
    assert_faults(
        &domain(&json!({ "discovery": uri })),
        &["/issuers/0/discovery: a trust domain has no metadata (write the URL of its bundle as `jwks_uri`)"],
    );
    assert_faults(
        &domain(&json!({ "jwks_uri": uri, "algorithms": ["ES256", "EdDSA"] })),
        &["/issuers/0/algorithms/1: no JWT-SVID is signed with this"],
    );
    for name in ["https://example.org", "spiffe://Example.org", "spiffe://example.org/", "example.org"] {
        assert_faults(
            &domain(&json!({ "jwks_uri": uri, "issuer": name })),
            &["/issuers/0/issuer: expected `spiffe://` and the name of a trust domain, in lower case"],
        );
    }
}

#[test]
fn v19_places_a_bad_inline_key_at_that_key() {
    let text = r#"{ "audiences": ["a"], "issuers": [{ "issuer": "i", "jwks": { "keys": [
  {},
  GOOD
]}}]}"#;
    let error = parse(&text.replace("GOOD", &Signer::es256().jwk("k").to_string())).unwrap_err();
    let expected = "2:3: /issuers/0/jwks/keys/0: the key cannot be used: `kty` is missing";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn v19_a_status_says_where_the_lists_are() {
    let status = |members: Json| with_issuer(&json!({ "status": members }));
    let lists = "https://issuer.example/v1/status/";
    for good in [
        json!({ "lists": lists }),
        json!({ "lists": lists, "required": true, "max_stale": 0, "while_missing": "accept" }),
        json!({ "lists": "https://lists.example/", "max_stale": 3600, "while_missing": "refuse" }),
    ] {
        assert_faults(&status(good), &[]);
    }
    assert_faults(&status(json!({})), &["/issuers/0/status: `lists` is missing"]);
    assert_faults(
        &status(json!({ "lists": "https://issuer.example/v1/status" })),
        &[
            "/issuers/0/status/lists: the URL has to end with a slash: what it begins with could be another's, else \
         (write `https://issuer.example/v1/status/`)",
        ],
    );
    assert_faults(
        &status(json!({ "lists": "http://issuer.example/v1/status/" })),
        &[
            "/issuers/0/status/lists: http is refused: whoever is in between could replace what is fetched (write \
         `https://issuer.example/v1/status/`)",
        ],
    );
    for odd in
        ["https://issuer.example/a/../", "https://issuer.example/?lists=/", "https://issuer.example/%2e/"]
    {
        assert_faults(
            &status(json!({ "lists": odd })),
            &[
                "/issuers/0/status/lists: expected a plain URL: no query, no fragment, no `%`, no `.` segments",
            ],
        );
    }
    assert_faults(
        &status(json!({ "lists": lists, "max_stale": 3601, "while_missing": "acept", "require": true })),
        &[
            "/issuers/0/status/max_stale: expected whole seconds from 0 to 3600",
            "/issuers/0/status/require: unknown member (did you mean `required`?)",
            "/issuers/0/status/while_missing: `acept` is no answer; there are refuse and accept (did you mean `accept`?)",
        ],
    );
}
