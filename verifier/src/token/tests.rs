use super::*;
use crate::{
    algorithm::Algorithm,
    excerpt::Excerpt,
    json::{JsonError, JsonFault},
    testing::{NOW, at, claims, encode},
};
use alloc::{borrow::ToOwned, format, string::ToString, vec};
use proptest::prelude::*;

fn split(token: &str) -> Result<(), Error> {
    Compact::split(token).map(|_| ())
}

fn header(text: &str) -> Result<Header, Error> {
    Compact::split(&format!("{}.e30.AA", encode(text))).unwrap().header()
}

fn payload(bytes: &[u8]) -> Result<String, Error> {
    Compact::split(&format!("e30.{}.AA", encode(bytes))).unwrap().payload()
}

fn read(text: &str) -> Result<Claims, Error> {
    Claims::read(&parse_payload(text)?)
}

fn malformed(claim: &'static str) -> Error {
    Error::ClaimMalformed { claim }
}

fn not_json(part: Part, fault: JsonFault, at: usize) -> Error {
    Error::PartNotJson(part, JsonError { at, fault })
}

#[test]
fn v01_takes_exactly_three_parts() {
    for (token, expected) in [
        ("", Err(Error::TokenNotCompact { parts: 1 })),
        ("a", Err(Error::TokenNotCompact { parts: 1 })),
        ("a.b", Err(Error::TokenNotCompact { parts: 2 })),
        ("a.b.c", Ok(())),
        ("a.b.c.", Err(Error::TokenNotCompact { parts: 4 })),
        (".a.b.c", Err(Error::TokenNotCompact { parts: 4 })),
        ("a.b.c.d.e.f", Err(Error::TokenNotCompact { parts: 6 })),
        ("..........", Err(Error::TokenNotCompact { parts: 7 })),
        (".b.c", Err(Error::PartEmpty(Part::Header))),
        ("a..c", Err(Error::PartEmpty(Part::Payload))),
        ("a.b.", Err(Error::PartEmpty(Part::Signature))),
    ] {
        assert_eq!(split(token), expected, "{token:?}");
    }
}

#[test]
fn v01_signs_over_header_and_payload_with_their_dot() {
    let compact = Compact::split("e30.e30.AA").unwrap();
    assert_eq!(compact.signed(), b"e30.e30");
    assert_eq!(compact.signature().unwrap(), [0]);
}

#[test]
fn v02_refuses_the_json_serialization() {
    let json = format!(r#"{{"protected":"{}","payload":"e30","signature":"AA"}}"#, encode("{}"));
    assert_eq!(split(&json), Err(Error::TokenNotCompact { parts: 1 }));
}

#[test]
fn v03_refuses_padding_other_alphabets_and_trailing_bits_in_every_part() {
    for bad in ["e30=", "e3 0", "e3+0", "e3/0", "e31", "e30\n", "e"] {
        for (token, part) in [
            (format!("{bad}.e30.AA"), Part::Header),
            (format!("e30.{bad}.AA"), Part::Payload),
            (format!("e30.e30.{bad}"), Part::Signature),
        ] {
            let compact = Compact::split(&token).unwrap();
            let found = match part {
                Part::Header => compact.header().map(drop),
                Part::Payload => compact.payload().map(drop),
                Part::Signature => compact.signature().map(drop),
            };
            assert_eq!(found, Err(Error::PartNotBase64Url(part)), "{token}");
        }
    }
}

#[test]
fn v04_keeps_the_length_of_token_and_header_to_the_edge() {
    let token = |bytes: usize| format!("a.b.{}", "c".repeat(bytes - 4));
    assert_eq!(split(&token(limits::TOKEN_BYTES)), Ok(()));
    let bytes = limits::TOKEN_BYTES + 1;
    assert_eq!(split(&token(bytes)), Err(Error::TokenTooLong { bytes }));

    let text = |bytes: usize| format!(r#"{{"alg":"ES256"{}}}"#, " ".repeat(bytes - 15));
    assert!(header(&text(limits::TOKEN_HEADER_BYTES)).is_ok());
    let bytes = limits::TOKEN_HEADER_BYTES + 1;
    assert_eq!(header(&text(bytes)), Err(Error::HeaderTooLong { bytes }));
}

#[test]
fn v04_keeps_members_depth_and_strings_to_the_edge() {
    let members = |n: usize| {
        let members: Vec<String> = (0..n).map(|i| format!(r#""m{i}":0"#)).collect();
        format!("{{{}}}", members.join(","))
    };
    assert!(parse_payload(&members(limits::OBJECT_MEMBERS)).is_ok());
    let found = parse_payload(&members(limits::OBJECT_MEMBERS + 1)).unwrap_err();
    assert!(
        matches!(
            found,
            Error::PartNotJson(Part::Payload, JsonError { fault: JsonFault::TooManyMembers, .. })
        ),
        "{found}"
    );

    let nested = |depth: usize| format!(r#"{{"x":{}{}}}"#, "[".repeat(depth - 1), "]".repeat(depth - 1));
    assert!(parse_payload(&nested(limits::TOKEN_DEPTH)).is_ok());
    assert_eq!(
        parse_payload(&nested(limits::TOKEN_DEPTH + 1)),
        Err(not_json(Part::Payload, JsonFault::TooDeep, 5 + limits::TOKEN_DEPTH - 1))
    );

    let subject = |bytes: usize| claims(&[("sub", &format!("{:?}", "s".repeat(bytes)))]);
    assert!(read(&subject(limits::IDENTIFIER_BYTES)).is_ok());
    assert_eq!(read(&subject(limits::IDENTIFIER_BYTES + 1)), Err(malformed("sub")));
}

#[test]
fn v05_refuses_a_repeated_member_in_header_and_claims() {
    let text = r#"{"alg":"ES256","\u0061lg":"none"}"#;
    assert_eq!(header(text), Err(not_json(Part::Header, JsonFault::DuplicateMember, 15)));
    for text in [r#"{"x":1,"x":1}"#, r#"{"x":{"y":1,"\u0079":1}}"#] {
        let found = parse_payload(text).unwrap_err();
        assert!(
            matches!(
                found,
                Error::PartNotJson(Part::Payload, JsonError { fault: JsonFault::DuplicateMember, .. })
            ),
            "{text}: {found}"
        );
    }
}

#[test]
fn v06_refuses_what_is_no_text_or_no_object() {
    assert_eq!(payload(b"{\"sub\":\"\xff\"}"), Err(Error::PartNotUtf8(Part::Payload)));
    // U+0000 in two bytes, and half a surrogate pair: UTF-8 has neither.
    assert_eq!(payload(b"\xc0\x80"), Err(Error::PartNotUtf8(Part::Payload)));
    assert_eq!(payload(b"\xed\xa0\x80"), Err(Error::PartNotUtf8(Part::Payload)));
    assert_eq!(header("\u{feff}{}"), Err(not_json(Part::Header, JsonFault::Unexpected, 0)));
    assert_eq!(header("{} {}"), Err(not_json(Part::Header, JsonFault::Trailing, 3)));
    for text in ["[]", "null", "\"alg\"", "1", "true"] {
        assert_eq!(header(text), Err(Error::PartNotObject(Part::Header)), "{text}");
        assert_eq!(parse_payload(text), Err(Error::PartNotObject(Part::Payload)), "{text}");
    }
}

#[test]
fn v07_refuses_an_encrypted_token_before_it_decodes_anything() {
    let expensive = encode(r#"{"alg":"PBES2-HS256+A128KW","p2c":2147483647,"zip":"DEF"}"#);
    assert_eq!(split(&format!("{expensive}.AA.AA.AA.AA")), Err(Error::TokenEncrypted));
    assert_eq!(split("!.!.!.!.!"), Err(Error::TokenEncrypted));
}

#[test]
fn v08_knows_its_algorithms_by_their_exact_names() {
    for (name, algorithm) in [
        ("RS256", Algorithm::Rs256),
        ("RS384", Algorithm::Rs384),
        ("RS512", Algorithm::Rs512),
        ("PS256", Algorithm::Ps256),
        ("PS384", Algorithm::Ps384),
        ("PS512", Algorithm::Ps512),
        ("ES256", Algorithm::Es256),
        ("ES384", Algorithm::Es384),
        ("EdDSA", Algorithm::EdDsa),
        ("Ed25519", Algorithm::EdDsa),
    ] {
        assert_eq!(header(&format!(r#"{{"alg":"{name}"}}"#)).unwrap().algorithm, algorithm);
    }
    for name in ["none", "noNE", "NONE", "", "HS256", "HS384", "HS512", "es256", "ES256 ", "Es256", "ED25519"]
    {
        let expected = Error::AlgorithmUnknown { algorithm: Excerpt::new(name) };
        assert_eq!(header(&format!(r#"{{"alg":"{name}"}}"#)), Err(expected));
    }
    assert_eq!(header("{}"), Err(Error::AlgorithmMissing));
    for text in [r#"{"alg":null}"#, r#"{"alg":256}"#, r#"{"alg":["ES256"]}"#, r#"{"alg":{}}"#] {
        assert_eq!(header(text), Err(Error::HeaderMalformed { parameter: "alg" }), "{text}");
    }
}

#[test]
fn v12_refuses_critical_extensions_and_an_unencoded_payload() {
    for crit in [
        r#"["exp"]"#,
        "[]",
        r#"["exp","exp"]"#,
        r#"["alg"]"#,
        r#"["absent"]"#,
        r#"["b64"]"#,
        "null",
        r#""b64""#,
    ] {
        let text = format!(r#"{{"alg":"ES256","exp":1,"crit":{crit}}}"#);
        assert_eq!(header(&text), Err(Error::ExtensionsCritical), "{crit}");
    }
    for b64 in ["false", "true", "null"] {
        let text = format!(r#"{{"alg":"ES256","b64":{b64}}}"#);
        assert_eq!(header(&text), Err(Error::PayloadUnencoded), "{b64}");
    }
}

#[test]
fn v14_takes_a_key_identifier_for_text_and_nothing_more() {
    let kid = |kid: &str| header(&format!(r#"{{"alg":"ES256","kid":{kid}}}"#)).map(|header| header.key_id);
    for harmless in ["../../dev/null", "' OR '1'='1", "k", "", "🔑"] {
        assert_eq!(kid(&format!("{harmless:?}")), Ok(Some(harmless.to_owned())));
    }
    assert_eq!(header(r#"{"alg":"ES256"}"#).unwrap().key_id, None);
    let wrong = Err(Error::HeaderMalformed { parameter: "kid" });
    for text in ["1", "null", "[]", r#"["k"]"#, r#""a\u0000b""#, r#""a\nb""#, r#""\u007f""#, r#""\u0085""#] {
        assert_eq!(kid(text), wrong, "{text}");
    }
    let long = |bytes: usize| format!("{:?}", "k".repeat(bytes));
    assert!(kid(&long(limits::KEY_ID_BYTES)).is_ok());
    assert_eq!(kid(&long(limits::KEY_ID_BYTES + 1)), wrong);
}

#[test]
fn v15_takes_a_type_for_text() {
    for typ in ["1", "null", "[]", r#"["at+jwt"]"#] {
        let text = format!(r#"{{"alg":"ES256","typ":{typ}}}"#);
        assert_eq!(header(&text), Err(Error::HeaderMalformed { parameter: "typ" }), "{typ}");
    }
}

#[test]
fn v26_takes_finite_dates_that_are_numbers() {
    for bad in [
        "\"1790000300\"",
        "-1",
        "-0",
        "-0.5",
        "1e300",
        "9007199254740993",
        "9007199254740992.5e1",
        "1e17",
        "18446744073709551616",
        "1e99999999999",
        "null",
        "true",
        "[]",
        "{}",
    ] {
        assert_eq!(read(&claims(&[("exp", bad)])), Err(malformed("exp")), "{bad}");
    }
    assert_eq!(read(&claims(&[("exp", "")])), Err(Error::ClaimMissing { claim: "exp" }));
    for (text, seconds) in [
        ("0", 0),
        ("1790000300", 1_790_000_300),
        ("1790000300.0", 1_790_000_300),
        ("1790000300.999", 1_790_000_300),
        ("1.7900003e9", 1_790_000_300),
        ("17900003009E-1", 1_790_000_300),
        ("17900003E+2", 1_790_000_300),
        ("0.5", 0),
        ("0e999", 0),
        ("5e-999", 0),
        ("9007199254740992", 1 << 53),
    ] {
        let expiry = read(&claims(&[("exp", text)])).unwrap().expiry;
        assert_eq!(expiry.as_seconds(), seconds, "{text}");
    }
}

#[test]
fn v27_rounds_fractions_to_the_strict_side() {
    let found = read(&claims(&[("nbf", "1790000000.001"), ("iat", "1790000000.9")])).unwrap();
    assert_eq!((found.not_before, found.issued), (Some(at(1)), Some(at(0))));
    let whole = read(&claims(&[("nbf", "1790000000.000"), ("iat", "1.79e9")])).unwrap();
    assert_eq!((whole.not_before, whole.issued), (Some(at(0)), Some(at(0))));
    let edge = read(&claims(&[("nbf", "9007199254740992.5")]));
    assert_eq!(edge, Err(malformed("nbf")));
    for claim in ["nbf", "iat"] {
        for bad in ["\"1\"", "-1", "1e300", "null", "[1]"] {
            assert_eq!(read(&claims(&[(claim, bad)])), Err(malformed(claim)), "{claim} {bad}");
        }
    }
    assert_eq!(read(&claims(&[])).unwrap().expiry.as_seconds(), NOW + 300);
}

#[test]
fn v28_takes_an_issuer_that_is_one_string() {
    let issuer = |text: &str| {
        let text = claims(&[("iss", text)]);
        Claims::issuer(&parse_payload(&text).unwrap()).map(ToOwned::to_owned)
    };
    assert_eq!(issuer(r#""i""#), Ok("i".to_owned()));
    assert_eq!(issuer(""), Err(Error::ClaimMissing { claim: "iss" }));
    for bad in [r#"["https://issuer.example"]"#, "null", "1", "{}", r#""""#] {
        assert_eq!(issuer(bad), Err(malformed("iss")), "{bad}");
    }
}

#[test]
fn v29_takes_audiences_that_are_strings() {
    let audiences = |text: &str| read(&claims(&[("aud", text)])).map(|claims| claims.audiences);
    assert_eq!(audiences(r#""a""#), Ok(vec!["a".to_owned()]));
    assert_eq!(audiences(r#"["a","b"]"#), Ok(vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(audiences(""), Err(Error::ClaimMissing { claim: "aud" }));
    for bad in [
        "[]",
        "null",
        "1",
        "{}",
        r#""""#,
        r#"["orders",1]"#,
        r#"["orders",null]"#,
        r#"["orders",""]"#,
        r#"[["orders"]]"#,
    ] {
        assert_eq!(audiences(bad), Err(malformed("aud")), "{bad}");
    }
    let many = |n: usize| format!("[{}]", vec![r#""a""#; n].join(","));
    assert!(audiences(&many(limits::TOKEN_AUDIENCES)).is_ok());
    assert_eq!(audiences(&many(limits::TOKEN_AUDIENCES + 1)), Err(malformed("aud")));
}

#[test]
fn v30_takes_names_that_are_strings() {
    for claim in ["sub", "client_id", "jti"] {
        for bad in ["1", "null", "[]", r#""""#, r#"["a"]"#] {
            assert_eq!(read(&claims(&[(claim, bad)])), Err(malformed(claim)), "{claim} {bad}");
        }
    }
    assert_eq!(read(&claims(&[("sub", "")])), Err(Error::ClaimMissing { claim: "sub" }));
    let bare = read(&claims(&[("client_id", ""), ("jti", ""), ("iat", "")])).unwrap();
    assert_eq!((bare.client, bare.token_id, bare.issued), (None, None, None));
}

#[test]
fn v31_reads_scopes_from_either_claim_and_refuses_two_stories() {
    let scopes = |scope: &str, scp: &str| {
        read(&claims(&[("scope", scope), ("scp", scp)])).map(|claims| claims.scopes.as_slice().to_vec())
    };
    let both = Ok(vec!["a".to_owned(), "b".to_owned()]);
    assert_eq!(scopes(r#""b a""#, ""), both);
    assert_eq!(scopes("", r#""a b""#), both);
    assert_eq!(scopes("", r#"["b","a"]"#), both);
    assert_eq!(scopes(r#""a b""#, r#"["b","a"]"#), both);
    assert_eq!(scopes("", ""), Ok(vec![]));
    assert_eq!(scopes(r#""""#, "[]"), Ok(vec![]));
    for (scope, scp) in
        [(r#""a b""#, r#"["a"]"#), (r#""a""#, "[]"), (r#""a""#, r#""A""#), (r#""""#, r#""a""#)]
    {
        assert_eq!(scopes(scope, scp), Err(Error::ScopesDisagree), "{scope} {scp}");
    }
    for bad in ["1", "null", r#"["a"]"#, r#""a  b""#, r#"" a""#, r#""a\tb""#] {
        assert_eq!(scopes(bad, ""), Err(malformed("scope")), "{bad}");
    }
    for bad in ["1", "null", r#"["a",1]"#, r#"["a b"]"#, r#"[""]"#, r#""a  b""#] {
        assert_eq!(scopes("", bad), Err(malformed("scp")), "{bad}");
    }
}

#[test]
fn v31_bounds_the_number_of_scopes() {
    let scopes = |n: usize| {
        let list: Vec<String> = (0..n).map(|i| format!("s{i}")).collect();
        read(&claims(&[("scope", &format!("{:?}", list.join(" ")))]))
            .map(|claims| claims.scopes.as_slice().len())
    };
    assert_eq!(scopes(limits::TOKEN_SCOPES), Ok(limits::TOKEN_SCOPES));
    assert_eq!(scopes(limits::TOKEN_SCOPES + 1), Err(malformed("scope")));
}

#[test]
fn v38_sees_a_confirmation_of_any_shape() {
    for cnf in [r#"{"jkt":"x"}"#, r#"{"x5t#S256":"x"}"#, "{}", "null", "false"] {
        assert!(read(&claims(&[("cnf", cnf)])).unwrap().confirmation, "{cnf}");
    }
    assert!(!read(&claims(&[])).unwrap().confirmation);
}

proptest! {
    /// serde_json's exact integers and floats are the judge.
    #[test]
    fn v26_reads_dates_as_others_do(whole in 0_u64..1 << 53, thousandths in 0_u32..1000, shift in 0_u32..6) {
        let scaled = format!("{whole}.{thousandths:03}");
        let expiry = |text: &str| read(&claims(&[("exp", text)])).unwrap().expiry.as_seconds();
        prop_assert_eq!(expiry(&scaled), whole);
        prop_assert_eq!(expiry(&whole.to_string()), whole);
        prop_assert_eq!(expiry(&format!("{whole}{}e-{shift}", "0".repeat(shift as usize))), whole);
    }

    #[test]
    fn reads_any_number_without_trouble(text in "-?(0|[1-9][0-9]{0,20})(\\.[0-9]{1,9})?([eE][+-]?[0-9]{1,12})?") {
        let theirs: f64 = text.parse().unwrap();
        match read(&claims(&[("exp", &text)])) {
            #[expect(clippy::cast_precision_loss, reason = "below 2^53 it is exact")]
            Ok(found) => prop_assert!((found.expiry.as_seconds() as f64 - theirs).abs() <= 1.0, "{text}"),
            Err(error) => {
                prop_assert_eq!(error, malformed("exp"));
                prop_assert!(text.starts_with('-') || theirs >= 9_007_199_254_740_992.0
                    || text.contains(['e', 'E']), "{text}");
            }
        }
    }

    #[test]
    fn survives_any_text(token in ".{0,200}") {
        if let Ok(compact) = Compact::split(&token) {
            let _ = (compact.header(), compact.payload(), compact.signature());
        }
    }

    #[test]
    fn survives_any_json(text in r#"[\[\]{}:,"a-z0-9 .-]{1,80}"#) {
        let _ = header(&text);
        let _ = read(&text);
    }
}
