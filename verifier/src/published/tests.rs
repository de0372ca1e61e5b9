use super::*;
use crate::{
    document::DocumentError,
    excerpt::Excerpt,
    json::{JsonError, JsonFault},
    limits,
    policy::UrlRules,
    testing::at,
};

const ISSUER: &str = "https://issuer.example";

fn jwks_uri(text: &str) -> Result<String, DocumentError> {
    metadata::jwks_uri(text, ISSUER, UrlRules::HTTPS_ONLY)
}

fn metadata_with(members: &str) -> String {
    alloc::format!(r#"{{"issuer":"{ISSUER}",{members}}}"#)
}

#[test]
fn metadata_say_where_the_keys_are() {
    let text = metadata_with(r#""jwks_uri":"https://keys.example/jwks","scopes_supported":["a"]"#);
    assert_eq!(jwks_uri(&text), Ok("https://keys.example/jwks".into()));
}

#[test]
fn v32_metadata_of_another_issuer_are_refused() {
    for other in ["https://issuer.example/", "https://ISSUER.example", "https://evil.example", ""] {
        let text = alloc::format!(r#"{{"issuer":"{other}","jwks_uri":"https://keys.example/jwks"}}"#);
        assert_eq!(jwks_uri(&text), Err(DocumentError::OtherIssuer(Excerpt::new(other))));
    }
}

#[test]
fn v43_metadata_lead_to_https_only() {
    for url in ["http://keys.example/jwks", "file:///etc/passwd", "https://user@keys.example/", "jwks", ""] {
        let text = metadata_with(&alloc::format!(r#""jwks_uri":"{url}""#));
        assert_eq!(jwks_uri(&text), Err(DocumentError::UrlRefused(Excerpt::new(url))));
    }
    let long = alloc::format!("https://keys.example/{}", "x".repeat(limits::IDENTIFIER_BYTES));
    let text = metadata_with(&alloc::format!(r#""jwks_uri":"{long}""#));
    assert_eq!(jwks_uri(&text), Err(DocumentError::UrlRefused(Excerpt::new(&long))));
}

#[test]
fn v43_what_are_no_metadata_are_refused() {
    for text in ["[]", "{}", r#"{"issuer":1}"#, r#"{"issuer":"https://issuer.example"}"#] {
        assert_eq!(jwks_uri(text), Err(DocumentError::NotMetadata), "{text}");
    }
    let twice = metadata_with(r#""jwks_uri":"https://a.example/","jwks_uri":"https://b.example/""#);
    let error = |at, fault| Err(DocumentError::NotJson(JsonError { at, fault }));
    let second = twice.rfind("\"jwks_uri\"").unwrap();
    assert_eq!(jwks_uri(&twice), error(second, JsonFault::DuplicateMember));
    let long = alloc::format!("{}{}", metadata_with(r#""x":1"#), " ".repeat(limits::METADATA_BYTES));
    assert_eq!(jwks_uri(&long), error(limits::METADATA_BYTES, JsonFault::TooLong));
}

#[test]
fn v42_an_absent_key_is_not_asked_for_again_and_again() {
    let mut absent = AbsentKeys::default();
    let fetched = Some(at(0));
    assert!(!absent.holds(Some("k"), fetched, at(0)));
    absent.asked_for(Some("k"), at(0));
    assert!(absent.holds(Some("k"), fetched, at(0)));
    assert!(!absent.holds(Some("K"), fetched, at(0)));
    assert!(!absent.holds(None, fetched, at(0)));
    // A set that is older than the question says nothing about it.
    assert!(!absent.holds(Some("k"), Some(at(-1)), at(0)));
    assert!(!absent.holds(Some("k"), None, at(0)));
    let over = i64::try_from(limits::ABSENT_KEY_SECONDS).unwrap();
    assert!(absent.holds(Some("k"), fetched, at(over - 1)));
    assert!(!absent.holds(Some("k"), fetched, at(over)));
    assert!(!absent.holds(Some("k"), fetched, at(-1)), "the clock was put back");
}

#[test]
fn v42_the_memory_of_absent_keys_is_bounded() {
    let mut absent = AbsentKeys::default();
    let name = |n: usize| alloc::format!("k{n}");
    for n in 0..1000 {
        absent.asked_for(Some(&name(n)), at(0));
        absent.asked_for(Some(&name(n)), at(0));
    }
    let held = (0..1000).filter(|n| absent.holds(Some(&name(*n)), Some(at(0)), at(0)));
    assert_eq!(held.collect::<Vec<_>>(), (1000 - limits::ABSENT_KEYS..1000).collect::<Vec<_>>());
}
