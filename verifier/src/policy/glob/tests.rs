use alloc::borrow::ToOwned;

use proptest::prelude::*;

use super::*;

fn matches(pattern: &str, text: &str) -> bool {
    Glob::parse(pattern).map_or_else(|fault| panic!("{}", fault.message), |glob| glob.matches(text))
}

#[test]
fn a_pattern_is_for_the_whole_text() {
    for (pattern, good, bad) in [
        ("a", &["a"][..], &["", "A", "aa", "ba", "ab"][..]),
        ("a*", &["a", "ab", "a*", "aé"], &["ba", "a/b", "a:b", "ab/"]),
        ("*a", &["a", "ba", "aa"], &["ab", "b/a", ""]),
        ("a*c", &["ac", "abc", "acbc"], &["acb", "a/c", "a:c", "abcd"]),
        ("a**", &["a", "ab/c:d"], &["ba"]),
        ("**a", &["a", "b/a", "a:a"], &["ab"]),
        ("a/**/c", &["a/b/c", "a//c", "a/b/d/c"], &["a/c", "a/b/cd"]),
        (
            "repo:acme/*:ref:refs/heads/*",
            &["repo:acme/shop:ref:refs/heads/main"],
            &[
                "repo:acme/shop:ref:refs/heads/a/b",
                "repo:acme/shop:pull_request",
                "repo:acme/shop:ref:refs/heads/x:ref:refs/heads/main",
                "repo:acme/evil/shop:ref:refs/heads/main",
                "repo:acme:ref:refs/heads/main",
            ],
        ),
        ("*a*a*", &["aa", "bacad"], &["a", "ba/a", "ab"]),
        ("**a*b/**", &["ab/", "x/axb/y/z", "a:ab/"], &["a/b/", "ab"]),
        ("é*", &["é", "éx"], &["e", "\u{c3}"]),
    ] {
        for text in good {
            assert!(matches(pattern, text), "{pattern} {text}");
        }
        for text in bad {
            assert!(!matches(pattern, text), "{pattern} {text}");
        }
    }
}

#[test]
fn a_pattern_that_says_nothing_or_too_much_is_refused() {
    let long = "a".repeat(limits::GLOB_BYTES + 1);
    let many = "*a".repeat(limits::GLOB_RUNS + 1);
    for (pattern, message) in [
        ("*", "this lets everything through"),
        ("**", "this lets everything through"),
        ("a***", "three stars in a row mean nothing"),
        (&long, "a pattern has at most 512 bytes"),
        (&many, "a pattern has `*` or `**` in at most 8 places"),
    ] {
        assert_eq!(
            Glob::parse(pattern).map_err(|fault| fault.message),
            Err(message.to_owned()),
            "{pattern:.20}"
        );
    }
    assert!(Glob::parse(&"*a".repeat(limits::GLOB_RUNS)).is_ok());
}

#[test]
fn a_text_that_is_no_identifier_is_not_looked_at() {
    assert!(matches("**a", &"a".repeat(limits::IDENTIFIER_BYTES)));
    assert!(!matches("**a", &"a".repeat(limits::IDENTIFIER_BYTES + 1)));
}

/// The same by trying every way, which is right and slow.
fn by_trying(pattern: &[u8], text: &[u8]) -> bool {
    if let Some(rest) = pattern.strip_prefix(b"**") {
        return (0..=text.len()).any(|end| by_trying(rest, &text[end..]));
    }
    if let Some(rest) = pattern.strip_prefix(b"*") {
        let most = text.iter().position(|byte| b"/:".contains(byte)).unwrap_or(text.len());
        return (0..=most).any(|end| by_trying(rest, &text[end..]));
    }
    match (pattern.first(), text.first()) {
        (None, None) => true,
        (Some(own), Some(other)) if own == other => by_trying(&pattern[1..], &text[1..]),
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_way_is_tried(pattern in "(a|b|/|:|\\*|\\*\\*b){1,8}", text in "[ab/:]{0,10}") {
        if let Ok(glob) = Glob::parse(&pattern) {
            prop_assert_eq!(glob.matches(&text), by_trying(pattern.as_bytes(), text.as_bytes()), "{} {}", pattern, text);
        }
    }
}
