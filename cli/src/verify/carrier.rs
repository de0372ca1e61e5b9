//! Where a token is put in a request that is made for it.

use std::fmt::{self, Write as _};

use serde_json::Value;

use super::judge::Request;

/// The place where the policy reads tokens first: there the token is put.
pub(super) enum Carrier {
    /// A header field, and what stands before the token in it.
    Header(String, String),
    Cookie(String),
    Query(String),
}

impl Carrier {
    pub(super) fn of(policy: &Value) -> Self {
        let text = |name: &str| policy.pointer(&format!("/tokens/0/{name}")).and_then(Value::as_str);
        if let Some(cookie) = text("cookie") {
            return Self::Cookie(cookie.to_owned());
        }
        if let Some(query) = text("query") {
            return Self::Query(query.to_owned());
        }
        let before = match (text("scheme"), text("prefix"), text("header")) {
            (Some(scheme), ..) => format!("{scheme} "),
            (None, Some(prefix), _) => prefix.to_owned(),
            (None, None, Some(_)) => String::new(),
            (None, None, None) => "Bearer ".to_owned(),
        };
        Self::Header(text("header").unwrap_or("authorization").to_owned(), before)
    }

    pub(super) fn put(&self, token: &str, mut request: Request) -> Request {
        match self {
            Self::Header(name, before) => request.headers.push((name.clone(), format!("{before}{token}"))),
            Self::Cookie(name) => request.headers.push(("cookie".to_owned(), format!("{name}={token}"))),
            Self::Query(name) => {
                let mark = if request.target.contains('?') { '&' } else { '?' };
                let _ = write!(request.target, "{mark}{name}={token}");
            }
        }
        request
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name, before) if before.trim().is_empty() => {
                write!(f, "one token, in the field {name}")
            }
            Self::Header(name, before) => {
                write!(f, "one token, in the field {name} after `{}`", before.trim())
            }
            Self::Cookie(name) => write!(f, "one token, in the cookie {name}"),
            Self::Query(name) => write!(f, "one token, in the query parameter {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_goes_where_the_policy_reads_it_first() {
        for (tokens, field, target, told) in [
            (
                json!(null),
                Some(("authorization", "Bearer t")),
                "/x",
                "in the field authorization after `Bearer`",
            ),
            (
                json!([{ "header": "x-a", "scheme": "DPoP" }]),
                Some(("x-a", "DPoP t")),
                "/x",
                "in the field x-a after `DPoP`",
            ),
            (
                json!([{ "header": "x-a", "prefix": "a:" }]),
                Some(("x-a", "a:t")),
                "/x",
                "in the field x-a after `a:`",
            ),
            (json!([{ "header": "x-a" }]), Some(("x-a", "t")), "/x", "in the field x-a"),
            (json!([{ "cookie": "c" }, { "query": "q" }]), Some(("cookie", "c=t")), "/x", "in the cookie c"),
            (json!([{ "query": "q" }]), None, "/x?q=t", "in the query parameter q"),
        ] {
            let carrier = Carrier::of(&json!({ "tokens": tokens }));
            let request = carrier.put("t", Request::to("/x", Vec::new()));
            let fields: Vec<_> = request.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!((fields.first().copied(), &*request.target), (field, target), "{tokens}");
            assert_eq!(carrier.to_string(), format!("one token, {told}"));
        }
        let request = Carrier::Query("q".to_owned()).put("t", Request::to("/x?a=1", Vec::new()));
        assert_eq!(request.target, "/x?a=1&q=t");
    }
}
