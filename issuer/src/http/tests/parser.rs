//! What a request is read as, whatever it is.

use proptest::prelude::*;

use super::stage::{GRANT, OWN, basic, certificate};
use super::*;
use crate::http::request::{RequestError, parse};
use crate::service::{ClientAuthentication, GrantType, TokenRequest};
use crate::testing::secret;

const ASSERTION: &str =
    "client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=eyJ.a.b";

fn headers(credentials: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for credentials in credentials {
        headers.append("authorization", basic(credentials).parse().unwrap());
    }
    headers
}

#[test]
fn two_authorization_headers_are_one_too_many() {
    let refused = parse(&headers(&["shop:a", "shop:a"]), None, GRANT.as_bytes()).unwrap_err();
    assert!(matches!(refused, RequestError::RepeatedAuthorization), "{refused}");
}

/// RFC 6749 §2.3.
#[test]
fn every_pair_of_methods_is_refused() {
    let methods = ["header", "&client_id=shop&client_secret=s", &format!("&{ASSERTION}")];
    for (place, one) in methods.iter().enumerate() {
        for other in methods.iter().skip(place + 1) {
            let with_header = *one == "header";
            let form = format!("{GRANT}{}{other}", if with_header { "" } else { one });
            let headers = headers(if with_header { &["shop:s"] } else { &[] });
            for certificate in [None, Some(Arc::new(certificate()))] {
                let refused = parse(&headers, certificate, form.as_bytes()).unwrap_err();
                assert!(matches!(refused, RequestError::TwoMethods), "{form}: {refused}");
            }
        }
    }
}

#[test]
fn a_certificate_counts_where_nothing_else_does() {
    let read = |form: &str, shown: bool| {
        let shown = shown.then(|| Arc::new(certificate()));
        parse(&HeaderMap::new(), shown, format!("{GRANT}&{form}").as_bytes()).map(|request| request.client)
    };
    let by_certificate = read("client_id=shop", true).unwrap();
    assert!(matches!(&by_certificate, ClientAuthentication::Certificate { client, .. } if client == "shop"));
    assert!(matches!(read("client_id=shop", false), Err(RequestError::NoAuthentication)));
    assert!(matches!(read("", true), Err(RequestError::NoAuthentication)));
    assert!(matches!(read(OWN, true), Ok(ClientAuthentication::Secret { .. })));
    assert!(matches!(read(ASSERTION, true), Ok(ClientAuthentication::Assertion { .. })));
}

#[test]
fn debug_of_a_request_shows_no_secret() {
    let grant = format!("grant_type={}&assertion=eyJ.a.b", request::JWT_BEARER);
    for (headers, form) in [
        (headers(&["shop:correct+horse"]), GRANT.to_owned()),
        (HeaderMap::new(), format!("{GRANT}&{OWN}")),
        (HeaderMap::new(), format!("{GRANT}&{ASSERTION}")),
        (HeaderMap::new(), grant),
    ] {
        let shown = format!("{:?}", parse(&headers, None, form.as_bytes()).unwrap());
        assert!(!shown.contains(secret().reveal()) && !shown.contains("eyJ"), "{shown}");
    }
}

/// One name and value of a form, mostly of those that mean something, some of them damaged.
fn parameter() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        8 => prop::sample::select(vec![
            "grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type",
            "assertion", "audience", "resource", "scope", "client%5Fsecret", "x",
        ]).prop_map(str::to_owned),
        1 => ".{0,8}",
    ];
    let value = prop_oneof![
        8 => prop::sample::select(vec![
            "client_credentials", "urn:ietf:params:oauth:grant-type:jwt-bearer", "shop", "s", "eyJ.a.b", "",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer", "https://a.example", "read+write",
            "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
        ]).prop_map(str::to_owned),
        1 => ".{0,16}",
        1 => "[%+=&a0-9]{0,8}",
    ];
    (name, value).prop_map(|(name, value)| format!("{name}={value}"))
}

fn authorization() -> impl Strategy<Value = Option<Vec<u8>>> {
    prop::option::of(prop_oneof![
        4 => "[a-z%+:]{0,12}".prop_map(|credentials| basic(&credentials).into_bytes()),
        1 => "[ -~]{0,24}".prop_map(String::into_bytes),
        1 => prop::collection::vec(0x20..=0x7e_u8, 0..24),
    ])
}

/// How many ways of authentication the bytes hold, as a reader would count who knows nothing of ours.
fn methods_in(headers: &HeaderMap, body: &str) -> usize {
    let has = |name: &str| {
        url::form_urlencoded::parse(body.as_bytes()).any(|(known, value)| known == name && !value.is_empty())
    };
    usize::from(headers.contains_key("authorization"))
        + usize::from(has("client_secret"))
        + usize::from(has("client_assertion"))
}

fn check(headers: &HeaderMap, shown: bool, body: &str, request: &TokenRequest) {
    let methods = methods_in(headers, body);
    match &request.client {
        ClientAuthentication::None { .. } => {
            assert_eq!(methods, 0);
            assert!(matches!(request.grant, GrantType::JwtBearer(_)), "client_credentials by nobody");
        }
        ClientAuthentication::Certificate { .. } => assert!(shown && methods == 0),
        ClientAuthentication::Secret { .. } | ClientAuthentication::Assertion { .. } => {
            assert_eq!(methods, 1);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    /// No headers and no body make the reader fail otherwise than with its error, or read one request out of two.
    #[test]
    fn a_request_has_one_method_or_is_none(
        authorization in authorization(),
        shown in any::<bool>(),
        parameters in prop::collection::vec(parameter(), 0..8),
    ) {
        let mut headers = HeaderMap::new();
        if let Some(value) = authorization.and_then(|value| ::http::HeaderValue::from_bytes(&value).ok()) {
            headers.insert("authorization", value);
        }
        let body = parameters.join("&");
        if let Ok(request) = parse(&headers, shown.then(|| Arc::new(certificate())), body.as_bytes()) {
            check(&headers, shown, &body, &request);
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(body in prop::collection::vec(any::<u8>(), 0..256), query in ".{0,64}") {
        let _ = parse(&HeaderMap::new(), None, &body);
        let _ = request::check_query(&query);
    }
}
