//! Where in a request tokens are read.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};

use super::{
    grammar::{Shape, Text, fields},
    reader::{Fault, Place, Reader},
};
use crate::{http, json::Object};

fields! {
    /// A place in a request where a token can be. A request with tokens in two places is refused.
    pub(super) static SOURCE {
        /// A header field.
        "header": optional Shape::Text(&FIELD),
        /// A cookie.
        "cookie": optional Shape::Text(&NAME),
        /// A parameter of the query. It ends up in logs and histories: RFC 6750 §2.3 warns of it.
        "query": optional Shape::Text(&NAME),
        /// The authentication scheme before the token in the field, in any case.
        "scheme": optional Shape::Text(&NAME),
        /// A text before the token in the field, exactly.
        "prefix": optional Shape::Text(&PREFIX),
    }
    one_of ["header", "cookie", "query"]
    at_most_one_of ["scheme", "prefix"]
}

/// The name of a header field.
pub(super) static FIELD: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
    check: |text, _| {
        (!http::is_token(text)).then(|| Fault::new(format!("`{text}` is no field name (RFC 9110 §5.1)")))
    },
};

/// The name of a cookie, a parameter or a scheme: what needs no encoding in any of them.
static NAME: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern(r"^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"),
    check: |text, _| {
        (!http::is_token(text) || text.contains(['%', '&', '+', '#']))
            .then(|| Fault::new(format!("`{text}` is no name that can stand there unencoded")))
    },
};

static PREFIX: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern("^[ -~]+$"),
    check: |text, _| (!http::is_printable(text)).then(|| Fault::new("a prefix is printable ASCII")),
};

/// A place in a request where a token can be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenSource {
    /// A header field, by its name in lower case.
    Header {
        name: String,
        /// The name, folded.
        folded: Arc<str>,
        prefix: TokenPrefix,
    },
    Cookie(String),
    /// A parameter of the query.
    Query(String),
}

/// What stands before the token in a header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum TokenPrefix {
    Nothing,
    /// An authentication scheme, in any case, and spaces (RFC 9110 §11.4).
    Scheme(String),
    /// This text, exactly.
    Text(String),
}

impl TokenSource {
    /// The header field that it is in, folded.
    pub(crate) fn folded_field(&self) -> Option<Arc<str>> {
        match self {
            Self::Header { folded, .. } => Some(Arc::clone(folded)),
            Self::Cookie(_) => Some("cookie".into()),
            Self::Query(_) => None,
        }
    }

    pub(crate) fn header(name: &str, prefix: TokenPrefix) -> Self {
        Self::Header { name: name.to_ascii_lowercase(), folded: http::folded(name).into(), prefix }
    }

    /// The Authorization field with the Bearer scheme (RFC 6750 §2.1).
    pub(crate) fn bearer() -> Self {
        Self::header("authorization", TokenPrefix::Scheme("Bearer".to_owned()))
    }

    pub(super) fn read_all(reader: &mut Reader<'_>, policy: &Object<'_>, place: &Place<'_>) -> Vec<Self> {
        if policy.get("tokens").is_none() {
            return [Self::bearer()].into();
        }
        let place = place.member("tokens");
        let mut sources = Vec::new();
        for (index, node) in policy.list("tokens").iter().enumerate() {
            let Some(object) = node.as_object() else { continue };
            let Some(source) = Self::read(object) else { continue };
            let place = place.element(index);
            if !matches!(source, Self::Header { .. }) {
                for name in ["scheme", "prefix"] {
                    if let Some(node) = object.get(name) {
                        reader.problem(node, &place.member(name), "only a `header` has this", None);
                    }
                }
            }
            if sources.contains(&source) {
                reader.problem(node, &place, "this place is already named", None);
            }
            sources.push(source);
        }
        sources
    }

    fn read(object: &Object<'_>) -> Option<Self> {
        if let Some(name) = object.text("header") {
            let prefix = match (object.owned_text("scheme"), object.owned_text("prefix")) {
                (Some(scheme), _) => TokenPrefix::Scheme(scheme),
                (None, Some(prefix)) => TokenPrefix::Text(prefix),
                (None, None) => TokenPrefix::Nothing,
            };
            return Some(Self::header(name, prefix));
        }
        let cookie = object.text("cookie").map(|name| Self::Cookie(name.to_string()));
        cookie.or_else(|| object.owned_text("query").map(Self::Query))
    }
}
