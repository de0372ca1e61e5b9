use serde_json::{Value, json};
use tessera_verifier::Verifier;

use super::convert::{self, Converted};
use super::document::Document;
use super::note::Kind;
use super::options::{Options, Profile};

mod refused;

/// A filter in the place where a bootstrap has it.
fn bootstrap(filter: &Value) -> Value {
    let mut filter = filter.clone();
    filter["@type"] =
        "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication".into();
    json!({ "static_resources": { "listeners": [{ "filter_chains": [{ "filters": [{
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": { "http_filters": [{ "name": "envoy.filters.http.jwt_authn", "typed_config": filter }] },
    }]}]}]}})
}

fn options() -> Options {
    Options { audiences: Vec::new(), keep_query_tokens: false, profile: Profile::Jwt }
}

fn convert_root(root: &Value, options: &Options) -> Converted {
    let mut all = convert::all(root, options);
    assert_eq!(all.len(), 1);
    let converted = all.remove(0);
    if let Some(configuration) = &converted.configuration {
        let named = configuration["policies"].as_object().into_iter().flat_map(serde_json::Map::values);
        for policy in named.chain([&configuration["policy"]]) {
            Verifier::check_policy(&policy.to_string()).unwrap_or_else(|error| panic!("{policy:#}\n{error}"));
        }
    }
    converted
}

fn convert(filter: &Value) -> Converted {
    convert_root(&bootstrap(filter), &options())
}

/// The configuration that a filter becomes.
fn configuration(filter: &Value) -> Value {
    let converted = convert(filter);
    converted.configuration.unwrap_or_else(|| panic!("{:#?}", converted.notes))
}

/// What keeps a filter from being converted: the end of the place, and the beginning of the text.
#[track_caller]
fn assert_refused(filter: &Value, place: &str, text: &str) {
    let converted = convert(filter);
    assert_eq!(converted.configuration, None, "it was converted");
    let refused: Vec<_> = converted.notes.iter().filter(|note| note.kind == Kind::Refused).collect();
    let is_said = |note: &&&super::note::Note| note.place.ends_with(place) && note.text.contains(text);
    assert!(refused.iter().find(is_said).is_some(), "`{text}` at {place} is not among {refused:#?}");
}

/// The texts of the notes of a kind.
fn notes(converted: &Converted, kind: Kind) -> Vec<&str> {
    converted.notes.iter().filter(|note| note.kind == kind).map(|note| note.text.as_str()).collect()
}

fn provider() -> Value {
    json!({
        "issuer": "https://issuer.example",
        "audiences": ["orders"],
        "remote_jwks": {
            "http_uri": { "uri": "https://issuer.example/jwks.json", "cluster": "issuer", "timeout": "5s" },
            "cache_duration": { "seconds": 300 },
        },
    })
}

/// A filter with one provider, `main`, that these members change, and one rule for all requests.
fn with(changes: &Value) -> Value {
    let mut provider = provider();
    for (name, value) in changes.as_object().unwrap() {
        provider[name] = value.clone();
    }
    json!({ "providers": { "main": provider }, "rules": [rule("/", "main")] })
}

fn rule(prefix: &str, provider: &str) -> Value {
    json!({ "match": { "prefix": prefix }, "requires": { "provider_name": provider } })
}

/// A filter with these rules.
fn ruled(rules: &Value) -> Value {
    let mut other = provider();
    other["issuer"] = "https://ci.example".into();
    other["audiences"] = json!(["orders", "deploy"]);
    json!({ "providers": { "main": provider(), "ci": other }, "rules": rules })
}

/// The routes that a filter with these rules becomes.
fn routes(rules: &Value) -> Value {
    configuration(&ruled(rules))["policy"]["routes"].take()
}

#[test]
fn a_plain_filter_becomes_a_plain_policy() {
    assert_eq!(
        configuration(&with(&json!({}))),
        json!({
            "policy": {
                "issuers": [{
                    "issuer": "https://issuer.example",
                    "jwks_uri": "https://issuer.example/jwks.json",
                    "profile": "jwt",
                    "clock_skew": 60,
                }],
                "audiences": ["orders"],
            },
            "clusters": { "https://issuer.example": "issuer" },
        })
    );
}

#[test]
fn it_is_found_wherever_it_is_nested_and_however_it_is_spelled() {
    let yaml = "
resources:
  - typedConfig:
      '@type': type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
      httpFilters:
        - name: jwt
          typedConfig:
            '@type': type.googleapis.com/xds.type.v3.TypedStruct
            typeUrl: type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication
            value:
              providers:
                main:
                  issuer: https://issuer.example
                  audiences: [orders]
                  fromHeaders: [{ name: X-Token, valuePrefix: 'Token ' }]
                  remoteJwks: { httpUri: { uri: 'https://issuer.example:8443/k', cluster: c, timeout: 1s } }
                  clockSkewSeconds: '20'
              rules: [{ match: { prefix: / }, requires: { providerName: main } }]
";
    let document = Document::parse(yaml);
    let configuration = convert_root(document.root(), &options()).configuration.unwrap();
    assert_eq!(configuration["policy"]["tokens"], json!([{ "header": "x-token", "scheme": "Token" }]));
    assert_eq!(configuration["policy"]["issuers"][0]["clock_skew"], 20);
    assert_eq!(configuration["clusters"], json!({ "https://issuer.example:8443": "c" }));
    assert_eq!(document.locate("/resources/0/typedConfig/httpFilters/0/name"), (6, 17));
    assert_eq!(document.locate("/resources/0/nowhere"), (3, 5));
}

#[test]
fn a_provider_keeps_what_it_says() {
    let converted = configuration(&with(&json!({
        "max_lifetime": "3600s",
        "clock_skew_seconds": 5,
        "subjects": { "prefix": "spiffe://example/" },
        "forward": true,
        "from_headers": [{ "name": "Authorization", "value_prefix": "Bearer " }, { "name": "X-Jwt" }],
        "from_params": ["jwt"],
        "from_cookies": ["session"],
        "forward_payload_header": "x-payload",
        "claim_to_headers": [
            { "header_name": "x-sub", "claim_name": "sub" },
            { "header_name": "x-role", "claim_name": "realm.role" },
            { "header_name": "x-org", "claim_path": [{ "key": "https://a.example/org" }] },
        ],
        "jwt_cache_config": { "jwt_cache_size": 500 },
        "payload_in_metadata": "payload",
    })));
    let policy = &converted["policy"];
    assert_eq!(
        policy["issuers"][0],
        json!({
            "issuer": "https://issuer.example",
            "jwks_uri": "https://issuer.example/jwks.json",
            "profile": "jwt",
            "clock_skew": 5,
            "max_lifetime": 3600,
            "claims": [{ "claim": "sub", "prefix": "spiffe://example/" }],
        })
    );
    assert_eq!(
        policy["tokens"],
        json!([
            { "header": "authorization", "scheme": "Bearer" },
            { "header": "x-jwt" },
            { "query": "jwt" },
            { "cookie": "session" },
        ])
    );
    assert_eq!(
        policy["upstream"],
        json!({
            "forward_token": true,
            "payload": "x-payload",
            "claims": [
                { "claim": "sub", "header": "x-sub" },
                { "claim": ["realm", "role"], "header": "x-role" },
                { "claim": "https://a.example/org", "header": "x-org" },
            ],
        })
    );
    assert_eq!(policy["token_cache"], json!({ "entries": 500 }));
    assert_eq!(converted["attributes"][0], "subject");
}

#[test]
fn the_query_is_read_where_that_is_asked_for() {
    let keep = Options { keep_query_tokens: true, ..options() };
    let converted = convert_root(&bootstrap(&with(&json!({}))), &keep);
    let expected = json!([{ "header": "authorization", "scheme": "Bearer" }, { "query": "access_token" }]);
    assert_eq!(converted.configuration.unwrap()["policy"]["tokens"], expected);
    let stricter = convert(&with(&json!({})));
    assert!(notes(&stricter, Kind::Stricter).iter().any(|text| text.contains("--keep-query-tokens")));
}

#[test]
fn local_keys_are_written_into_the_policy() {
    let keys = json!({ "keys": [
        { "kty": "OKP", "crv": "Ed25519", "kid": "k1", "x": "DD1yYpGMvOBkPtHmEiP30sSMzhudsogMOmyKV0DWPHY" },
        { "kty": "oct", "kid": "k2", "k": "c2VjcmV0IHRoYXQgbm9ib2R5IHNob3VsZCBzZWU" },
    ]});
    let mut filter = with(&json!({ "local_jwks": { "inline_string": keys.to_string() } }));
    filter["providers"]["main"].as_object_mut().unwrap().remove("remote_jwks");
    let converted = convert(&filter);
    let configuration = converted.configuration.as_ref().unwrap();
    assert_eq!(configuration["policy"]["issuers"][0]["jwks"], json!({ "keys": [keys["keys"][0]] }));
    assert_eq!(configuration["clusters"], json!({}));
    assert!(notes(&converted, Kind::Stricter).iter().any(|text| text.starts_with("a key is left out")));
    let said: String = converted.notes.iter().map(|note| note.text.as_str()).collect();
    assert!(!said.contains("c2Vjc"), "{said}");

    for (source, text) in [
        (json!({ "filename": "no/such/file" }), "cannot be read from here"),
        (json!({ "inline_string": "-----BEGIN PUBLIC KEY-----" }), "no JWK Set"),
        (json!({ "inline_bytes": "!" }), "no text in base64"),
        (json!({ "environment_variable": "HOME" }), "the environment is Envoy's"),
    ] {
        filter["providers"]["main"]["local_jwks"] = source;
        assert_refused(&filter, "/providers/main/local_jwks", text);
    }
}

#[test]
fn rules_become_routes_in_their_order() {
    assert_eq!(
        routes(&json!([
            { "match": { "path": "/healthz" } },
            { "match": { "prefix": "/assets/" }, "requires": {} },
            { "match": { "path_separated_prefix": "/deploy" }, "requires": { "provider_name": "ci" } },
            {
                "match": {
                    "prefix": "/orders",
                    "headers": [{ "name": ":method", "string_match": { "safe_regex": { "regex": "GET|HEAD" } } }],
                },
                "requires": { "requires_any": { "requirements": [
                    { "provider_name": "main" },
                    { "provider_and_audiences": { "provider_name": "ci", "audiences": ["deploy"] } },
                    { "allow_missing": {} },
                ]}},
            },
            { "match": { "safe_regex": { "regex": "/v[0-9]+/.*" } }, "requires": { "provider_name": "main" } },
            { "match": { "path": "/Any.Case", "case_sensitive": false }, "requires": { "provider_name": "main" } },
        ])),
        json!([
            { "path": { "exact": "/healthz" }, "public": true },
            { "path": { "prefix": "/assets/" }, "public": true },
            { "path": { "prefix": "/deploy" }, "issuers": ["https://ci.example"] },
            {
                "path": { "regex": "/orders.*" },
                "methods": ["GET", "HEAD"],
                "any_of": [
                    { "issuers": ["https://issuer.example"], "audiences": ["orders"] },
                    { "issuers": ["https://ci.example"], "audiences": ["deploy"] },
                ],
                "optional": true,
            },
            { "path": { "regex": "/v[0-9]+/.*" }, "issuers": ["https://issuer.example"], "audiences": ["orders"] },
            {
                "path": { "regex": r"(?i)/Any\.Case" },
                "issuers": ["https://issuer.example"],
                "audiences": ["orders"],
            },
            { "public": true },
        ])
    );
}

#[test]
fn requests_that_no_rule_is_for_pass_as_before_and_that_is_said() {
    let converted = convert(&ruled(&json!([rule("/orders/", "main")])));
    let expected = json!([{ "path": { "prefix": "/orders/" } }, { "public": true }]);
    assert_eq!(converted.configuration.as_ref().unwrap()["policy"]["routes"], expected);
    let [open] = notes(&converted, Kind::Open)[..] else { panic!("{:?}", converted.notes) };
    assert!(open.contains("pass without a token"), "{open}");
    assert!(notes(&converted, Kind::Dropped).contains(&"nothing asks for this provider's tokens"));
}

#[test]
fn a_rule_that_no_request_gets_to_is_left_out() {
    let converted = convert(&ruled(&json!([rule("/", "main"), rule("/orders", "ci")])));
    assert_eq!(
        converted.configuration.as_ref().unwrap()["policy"]["routes"],
        json!([{ "issuers": ["https://issuer.example"], "audiences": ["orders"] }, ])
    );
    assert!(notes(&converted, Kind::Dropped).iter().any(|text| text.starts_with("no request gets here")));
}

#[test]
fn optional_tokens_are_verified_where_they_are() {
    for kind in ["allow_missing", "allow_missing_or_failed", "extract_only_without_validation"] {
        let rules = json!([{ "match": { "prefix": "/" }, "requires": { kind: {} } }]);
        let converted = convert(&ruled(&rules));
        let routes = converted.configuration.as_ref().unwrap()["policy"]["routes"].clone();
        assert_eq!(routes[0]["optional"], true, "{kind}");
        let is_stricter = notes(&converted, Kind::Stricter).iter().any(|text| text.contains("is refused"));
        assert_eq!(is_stricter, kind != "allow_missing", "{kind}");
    }
}

#[test]
fn alternatives_that_differ_in_the_issuer_only_are_one_requirement() {
    let mut filter = ruled(&json!([{
        "match": { "prefix": "/" },
        "requires": { "requires_any": { "requirements": [{ "provider_name": "main" }, { "provider_name": "ci" }] } },
    }]));
    filter["providers"]["ci"]["audiences"] = json!(["orders"]);
    assert_eq!(
        configuration(&filter)["policy"]["routes"],
        json!([{ "issuers": ["https://issuer.example", "https://ci.example"] }])
    );
}

#[test]
fn routes_choose_policies_by_name() {
    let mut filter = ruled(&json!([]));
    filter["requirement_map"] = json!({
        "reader": { "provider_name": "main" },
        "deployer": { "provider_name": "ci" },
        "unused": { "provider_name": "nobody" },
        "open": {},
    });
    let mut root = bootstrap(&filter);
    let per_route = |config: Value| json!({ "envoy.filters.http.jwt_authn": config });
    let chosen = |name: &str| {
        per_route(json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
            "requirement_name": name,
        }))
    };
    root["routes"] = json!([
        { "match": { "prefix": "/deploy" }, "typed_per_filter_config": chosen("deployer") },
        { "match": { "prefix": "/free" }, "typed_per_filter_config": chosen("open") },
        { "name": "host", "typed_per_filter_config": chosen("reader"), "routes": [{
            "match": { "prefix": "/open" },
            "typed_per_filter_config": per_route(json!({
                "@type": "type.googleapis.com/envoy.config.route.v3.FilterConfig",
                "disabled": true,
            })),
        }]},
    ]);
    let converted = convert_root(&root, &options());
    let configuration = converted.configuration.as_ref().unwrap();
    assert_eq!(configuration["policies"]["reader"]["issuers"][0]["issuer"], "https://issuer.example");
    assert_eq!(configuration["policies"]["deployer"]["issuers"][0]["issuer"], "https://ci.example");
    assert_eq!(configuration["policies"].as_object().unwrap().len(), 2);
    let nobody = json!([{ "claims": [{ "claim": "iss", "exists": false }] }]);
    assert_eq!(configuration["policy"]["routes"], nobody);
    let by_hand = notes(&converted, Kind::ByHand);
    assert_eq!(by_hand.len(), 5, "{by_hand:#?}");
    let said = |text: &str| by_hand.iter().any(|note| note.contains(text));
    assert!(
        said("policy: deployer } } }` to this route") && said("policy: reader } } }` to every route below")
    );
    assert!(said("turn our filter off here") && said("this asks for nothing"));
    assert!(said("turn our filter off in every route that chose no requirement; until then nobody passes"));

    // Rules beside that: they hold where a route chooses them, and nothing is open before it does.
    let mut both = root.clone();
    let filter =
        "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config/http_filters/0/typed_config";
    both.pointer_mut(filter).unwrap()["rules"] = json!([rule("/a/", "main")]);
    let converted = convert_root(&both, &options());
    let configuration = converted.configuration.as_ref().unwrap();
    assert_eq!(configuration["policy"]["routes"], nobody);
    let rules = json!([{ "path": { "prefix": "/a/" } }, { "public": true }]);
    assert_eq!(configuration["policies"]["rules"]["routes"], rules);
    let by_hand = notes(&converted, Kind::ByHand);
    assert!(by_hand.iter().any(|note| note.contains("policy: rules } } }` to every route")), "{by_hand:#?}");

    root["routes"][0]["typed_per_filter_config"] = chosen("missing");
    assert_eq!(convert_root(&root, &options()).configuration, None);
}
