use super::*;

fn token<'r>(headers: &'r [(&'r str, &'r str)]) -> Result<&'r str, Error> {
    Request { method: "GET", host: "h", target: "/", headers }
        .credentials(&[TokenSource::bearer()])
        .and_then(|found| found.check().map(|()| found.token))
}

#[test]
fn v33_reads_the_scheme_in_any_case_and_spaces_as_the_grammar_has_them() {
    for value in ["Bearer a.b.c", "bearer a.b.c", "BEARER   a.b.c", " Bearer a.b.c\t"] {
        assert_eq!(token(&[("Authorization", value)]), Ok("a.b.c"), "{value:?}");
    }
    assert_eq!(token(&[("cookie", "x"), ("AUTHORIZATION", "Bearer t")]), Ok("t"));
}

#[test]
fn v33_refuses_all_but_exactly_one_token() {
    assert_eq!(token(&[]), Err(Error::TokenMissing));
    for value in ["Basic dTpw", "XBearer t", "BearerX t", "", "t", "Basic foo Bearer t"] {
        assert_eq!(token(&[("authorization", value)]), Err(Error::TokenMissing), "{value:?}");
    }
    for value in [
        "Bearer",
        "Bearer ",
        "Bearer a b",
        "Bearer a,Bearer b",
        "Basic x,Bearer b",
        "Bearer a\tb",
        "Bearer é",
    ] {
        assert_eq!(token(&[("authorization", value)]), Err(Error::CredentialsMalformed), "{value:?}");
    }
    let two = [("authorization", "Bearer a"), ("Authorization", "Bearer a")];
    assert_eq!(token(&two), Err(Error::CredentialsRepeated { places: 2 }));
}

fn source(text: &str) -> TokenSource {
    let (kind, name) = text.split_once(' ').unwrap();
    match kind {
        "cookie" => TokenSource::Cookie(name.into()),
        "query" => TokenSource::Query(name.into()),
        _ => TokenSource::header(kind, TokenPrefix::Text(name.into())),
    }
}

fn find<'r>(sources: &[&str], target: &'r str, headers: &'r [(&'r str, &'r str)]) -> Result<&'r str, Error> {
    let sources: Vec<TokenSource> =
        sources.iter().map(|text| source(text)).chain([TokenSource::bearer()]).collect();
    let request = Request { method: "GET", host: "h", target, headers };
    request.credentials(&sources).and_then(|found| found.check().map(|()| found.token))
}

#[test]
fn v33_reads_only_where_the_policy_says() {
    let elsewhere = [("cookie", "session=t"), ("x-token", "t")];
    assert_eq!(find(&[], "/?access_token=t", &elsewhere), Err(Error::TokenMissing));
    assert_eq!(find(&["cookie session"], "/", &elsewhere), Ok("t"));
    assert_eq!(find(&["query access_token"], "/?access_token=u", &elsewhere), Ok("u"));
    assert_eq!(find(&["x-token v"], "/", &[("X-Token", "vt")]), Ok("t"));
    assert_eq!(find(&["x-token V"], "/", &[("X-Token", "vt")]), Err(Error::TokenMissing));
}

#[test]
fn v33_refuses_tokens_in_two_places_even_if_they_are_equal() {
    let sources = ["cookie s", "query q", "x-token T"];
    for (target, headers, places) in [
        ("/?q=t", &[("authorization", "Bearer t")][..], 2),
        ("/?q=t&q=t", &[], 2),
        ("/?q=t&%71=t", &[], 2),
        ("/", &[("cookie", "s=t"), ("authorization", "Bearer t")], 2),
        ("/", &[("cookie", "s=t; s=t")], 2),
        ("/", &[("cookie", "s=t"), ("cookie", "s=t")], 2),
        ("/?q=t", &[("cookie", "s=t"), ("x-token", "Tt"), ("authorization", "Bearer t")], 4),
        ("/", &[("x-token", "Tt"), ("x-token", "Tt")], 2),
        ("/", &[("cookie", "s=t; s =t")], 2),
        // Even if only one of two lines holds a token: somebody else may read the other one.
        ("/", &[("authorization", "Basic x"), ("authorization", "Bearer t")], 2),
    ] {
        assert_eq!(
            find(&sources, target, headers),
            Err(Error::CredentialsRepeated { places }),
            "{target} {headers:?}"
        );
    }
}

#[test]
fn v33_another_scheme_leaves_the_other_places_alone() {
    let headers = [("authorization", "Basic dTpw"), ("cookie", "s=t")];
    assert_eq!(find(&["cookie s"], "/", &headers), Ok("t"));
}

#[test]
fn v33_what_is_no_token_is_malformed() {
    for (target, headers) in [
        ("/?q=", &[][..]),
        ("/?q", &[]),
        ("/?q=a%2Eb", &[]),
        ("/", &[("cookie", "s=\"t\"")]),
        ("/?q=t;x", &[]),
        ("/?x;q=t&q=t", &[]),
        ("/", &[("authorization", "Bearer\tt")]),
        ("/", &[("cookie", "é=1; s=t")]),
        ("/", &[("cookie", "s=t;\ts\t=u")]),
        ("/", &[("x-token", "T")]),
        ("/", &[("x-token", "T a b")]),
    ] {
        let found = find(&["cookie s", "query q", "x-token T"], target, headers);
        assert_eq!(found, Err(Error::CredentialsMalformed), "{target} {headers:?}");
    }
    // A cookie that was emptied is none.
    assert_eq!(find(&["cookie s"], "/", &[("cookie", "s=")]), Err(Error::TokenMissing));
    let long = "x".repeat(limits::COOKIE_BYTES);
    let cookies = [("cookie", long.as_str()), ("cookie", "s=t")];
    assert_eq!(find(&["cookie s"], "/", &cookies), Err(Error::CredentialsMalformed));
    assert_eq!(find(&[], "/", &cookies), Err(Error::TokenMissing), "nobody looks there");
}

#[test]
fn v33_knows_the_characters_of_a_token() {
    for byte in 0..=u8::MAX {
        let expected = byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        assert_eq!(is_token68(byte), expected, "{byte}");
    }
}
