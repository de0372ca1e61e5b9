//! What a refusal tells the caller, and how the service describes itself.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt::Write as _;

use super::{
    grammar::{Settings, Shape, TEXT, Text, URL, fields},
    issuer::Issuer,
    reader::Fault,
    route::{Access, Routes},
    tokens::{TokenPrefix, TokenSource},
};
use crate::{http, json::Object, target};

fields! {
    /// What a refusal tells the caller besides the standard's code.
    pub(super) static CHALLENGE {
        /// The protection space (RFC 9110 §11.5).
        "realm": optional Shape::Text(&REALM),
        /// Where the service describes itself (RFC 9728 §5.1). With `resource`, that is known.
        "resource_metadata": optional Shape::Text(&URL),
    }
}

fields! {
    /// The service as a protected resource (RFC 9728). The verifier answers requests for the document.
    pub(super) static RESOURCE {
        /// The resource identifier: an https URL without query and fragment.
        "identifier": required Shape::Text(&IDENTIFIER),
        /// Its name, for people.
        "name": optional TEXT,
        /// A page for developers about it.
        "documentation": optional Shape::Text(&URL),
    }
}

static REALM: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern("^[ -~]+$"),
    check: |text, _| (!http::is_printable(text)).then(|| Fault::new("a realm is printable ASCII")),
};

static IDENTIFIER: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Format("uri"),
    check: identifier_fault,
};

/// What a refusal tells the caller besides the standard's code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Challenge {
    /// The protection space.
    pub(crate) realm: Option<String>,
    /// Where the resource describes itself.
    pub(crate) resource_metadata: Option<String>,
    /// Whether missing keys are answered like a bad token, and not as a fault of this side.
    pub(crate) blames_token_for_missing_keys: bool,
}

/// The document by which the service describes itself (RFC 9728 §2).
#[derive(Clone, Debug)]
pub(crate) struct ResourceMetadata {
    /// Where it is.
    pub(crate) url: String,
    /// The normalised path of that.
    pub(crate) path: String,
    /// It, as JSON.
    pub(crate) document: String,
}

/// Before the path of a resource identifier, where its metadata is (RFC 9728 §3.1).
const WELL_KNOWN: &str = "/.well-known/oauth-protected-resource";

impl Challenge {
    pub(super) fn read(policy: &Object<'_>, metadata: Option<&ResourceMetadata>) -> Self {
        let challenge = policy.object("challenge");
        let url = challenge.and_then(|object| object.owned_text("resource_metadata"));
        Self {
            realm: challenge.and_then(|object| object.owned_text("realm")),
            resource_metadata: url.or_else(|| metadata.map(|metadata| metadata.url.clone())),
            blames_token_for_missing_keys: policy.text("while_keys_missing") == Some("unauthorized"),
        }
    }
}

impl ResourceMetadata {
    pub(super) fn read(
        policy: &Object<'_>,
        issuers: &[Issuer],
        tokens: &[TokenSource],
        routes: &Routes,
    ) -> Option<Self> {
        let object = policy.object("resource")?;
        let (origin, path) = split(object.text("identifier")?)?;
        let path = format!("{WELL_KNOWN}{}", path.strip_suffix('/').unwrap_or(path));
        let url = format!("{origin}{path}");
        let document = document(object, issuers, tokens, routes);
        Some(Self { url, path, document })
    }
}

fn document(resource: &Object<'_>, issuers: &[Issuer], tokens: &[TokenSource], routes: &Routes) -> String {
    let mut scopes: Vec<&str> = routes
        .iter()
        .flat_map(|route| match &route.access {
            Access::Public => Vec::new(),
            Access::Token { requirement, .. } => requirement.scopes(),
        })
        .collect();
    scopes.sort_unstable();
    scopes.dedup();
    let methods: Vec<&str> = tokens.iter().filter_map(bearer_method).collect();
    // An authorization server is named by its issuer identifier, which is a URL (RFC 8414 §2); workload
    // identities come from issuers that are none.
    let servers: Vec<&str> =
        issuers.iter().map(|issuer| issuer.name.as_str()).filter(|name| name.contains("://")).collect();

    let mut members: Vec<(&str, String)> = Vec::new();
    let mut text = |name, value: Option<&str>| {
        if let Some(value) = value {
            members.push((name, quoted(value)));
        }
    };
    text("resource", resource.text("identifier"));
    text("resource_name", resource.text("name"));
    text("resource_documentation", resource.text("documentation"));
    for (name, values) in [
        ("authorization_servers", servers),
        ("scopes_supported", scopes),
        ("bearer_methods_supported", methods),
    ] {
        if !values.is_empty() {
            let values: Vec<String> = values.into_iter().map(quoted).collect();
            members.push((name, format!("[{}]", values.join(","))));
        }
    }
    let members: Vec<String> =
        members.into_iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}

/// What RFC 9728 §2 calls a place for tokens, if it knows it.
fn bearer_method(source: &TokenSource) -> Option<&'static str> {
    match source {
        TokenSource::Header { name, prefix: TokenPrefix::Scheme(scheme), .. }
            if name == "authorization" && scheme.eq_ignore_ascii_case("Bearer") =>
        {
            Some("header")
        }
        TokenSource::Query(name) if name == "access_token" => Some("query"),
        _ => None,
    }
}

/// A text as JSON (RFC 8259 §7).
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_ascii_control() => {
                // Writing to a string does not fail.
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// Origin and path of a URL.
fn split(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once("://")?;
    let path = rest.find('/').unwrap_or(rest.len());
    url.split_at_checked(scheme.len() + "://".len() + path)
}

fn identifier_fault(text: &str, settings: Settings) -> Option<Fault> {
    if let Some(fault) = (URL.check)(text, settings) {
        return Some(fault);
    }
    if text.contains(['?', '#']) {
        return Some(Fault::new("a resource identifier has no query and no fragment here"));
    }
    let (_, path) = split(text)?;
    match target::path(path) {
        _ if path.is_empty() => None,
        Ok(normal) if normal == path => None,
        Ok(normal) => Some(Fault {
            message: "the path is not normalised".to_owned(),
            suggestion: Some(format!("write `{normal}`")),
        }),
        Err(fault) => Some(Fault::new(fault.to_string())),
    }
}
