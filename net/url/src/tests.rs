//! `cases.json` is the table that policies, the fetcher and registrations are held against, too: see
//! `issuer/tests/fetchable_urls.rs`.

extern crate std;

use std::format;
use std::string::String;

use super::*;

#[test]
fn each_case_has_its_verdict() {
    let cases: serde_json::Value = serde_json::from_str(include_str!("../cases.json")).unwrap();
    for case in cases.as_array().unwrap() {
        let (url, expected) = (case["url"].as_str().unwrap(), case["verdict"].as_str().unwrap());
        let verdict = match (check(url, PlainHttp::Never), check(url, PlainHttp::Loopback)) {
            (Ok(()), Ok(())) => String::from("https"),
            (Err(UrlFault::LoopbackHttp), Ok(())) => String::from("loopback http"),
            (strict, lenient) => {
                assert_eq!(strict, lenient, "{url:?}");
                format!("{:?}", strict.unwrap_err())
            }
        };
        assert_eq!(verdict, expected, "{url:?}");
    }
}

#[test]
fn a_name_has_bounds() {
    let label = "a".repeat(LABEL_BYTES_MAX);
    let three = [label.as_str(); 3].join(".");
    let verdict = |host: String| check(&format!("https://{host}/"), PlainHttp::Never);
    assert_eq!(verdict(format!("{label}.example")), Ok(()));
    assert_eq!(verdict(format!("{label}a.example")), Err(UrlFault::Host));
    assert_eq!(verdict(format!("{three}.{}", "a".repeat(61))), Ok(()));
    assert_eq!(verdict(format!("{three}.{}", "a".repeat(62))), Err(UrlFault::Host));
}
