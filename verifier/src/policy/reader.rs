//! Reading a document member by member, collecting what is wrong instead of stopping at it.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, ops::RangeInclusive};

use super::{
    problem::{PolicyError, Problem},
    suggestion::did_you_mean,
};
use crate::{
    json::{self, Bounds, Node, Object, Value},
    limits,
};

/// Where in the document: shows as a JSON Pointer (RFC 6901).
#[derive(Clone, Copy)]
pub(super) enum Place<'p> {
    Root,
    Member(&'p Place<'p>, &'p str),
    Element(&'p Place<'p>, usize),
}

/// A document being read, and what was found wrong in it.
pub(super) struct Reader<'d> {
    text: &'d str,
    problems: Vec<Problem>,
}

impl<'p> Place<'p> {
    pub(super) fn member(&'p self, name: &'p str) -> Self {
        Place::Member(self, name)
    }

    pub(super) fn element(&'p self, index: usize) -> Self {
        Place::Element(self, index)
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Root => Ok(()),
            Place::Member(parent, name) => {
                write!(f, "{parent}/{}", name.replace('~', "~0").replace('/', "~1"))
            }
            Place::Element(parent, index) => write!(f, "{parent}/{index}"),
        }
    }
}

impl<'d> Reader<'d> {
    pub(super) fn new(text: &'d str) -> Self {
        Self { text, problems: Vec::new() }
    }

    /// The document as a tree, which has to be there for anything else to be said about it.
    pub(super) fn parse(&mut self, bounds: Bounds) -> Result<Node<'d>, PolicyError> {
        json::parse(self.text, bounds).map_err(|error| {
            self.report(error.at, String::new(), error.to_string(), None);
            PolicyError::new(core::mem::take(&mut self.problems))
        })
    }

    pub(super) fn finish(self) -> Result<(), PolicyError> {
        if self.problems.is_empty() { Ok(()) } else { Err(PolicyError::new(self.problems)) }
    }

    pub(super) fn problem(
        &mut self,
        node: &Node<'_>,
        place: &Place<'_>,
        message: impl Into<String>,
        suggestion: Option<String>,
    ) {
        self.report(node.at, place.to_string(), message.into(), suggestion);
    }

    fn report(&mut self, at: usize, place: String, message: String, suggestion: Option<String>) {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.problems.push(Problem {
            place,
            line: number(line),
            column: number(column),
            message,
            suggestion,
        });
    }

    /// An object all of whose members are known.
    pub(super) fn object<'n, 't>(
        &mut self,
        node: &'n Node<'t>,
        place: &Place<'_>,
        known: &[&str],
    ) -> Option<&'n Object<'t>> {
        let Value::Object(object) = &node.value else {
            self.expected(node, place, "an object");
            return None;
        };
        for member in object.iter() {
            if !known.contains(&&*member.name) {
                let suggestion = did_you_mean(&member.name, known)
                    .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
                let place = place.member(&member.name).to_string();
                self.report(member.at, place, "unknown member".into(), Some(suggestion));
            }
        }
        Some(object)
    }

    pub(super) fn expected(&mut self, node: &Node<'_>, place: &Place<'_>, what: &str) {
        let message = format!("expected {what}, found {}", node.value.kind());
        self.problem(node, place, message, None);
    }

    /// The elements of an array, each with its place; none when the member is absent.
    pub(super) fn elements<'n, 't>(
        &mut self,
        object: &'n Object<'t>,
        place: &Place<'_>,
        name: &str,
    ) -> Option<&'n [Node<'t>]> {
        let node = object.get(name)?;
        match &node.value {
            Value::Array(elements) => Some(elements),
            _ => {
                self.expected(node, &place.member(name), "an array");
                None
            }
        }
    }

    /// A string that is not empty.
    pub(super) fn text<'n>(&mut self, node: &'n Node<'_>, place: &Place<'_>) -> Option<&'n str> {
        match &node.value {
            Value::String(text) if !text.is_empty() && text.len() <= limits::IDENTIFIER_BYTES => Some(text),
            Value::String(text) => {
                let message = if text.is_empty() { "the text is empty" } else { "the text is too long" };
                self.problem(node, place, message, None);
                None
            }
            _ => {
                self.expected(node, place, "a string");
                None
            }
        }
    }

    pub(super) fn optional_text<'n, 't>(
        &mut self,
        object: &'n Object<'t>,
        place: &Place<'_>,
        name: &str,
    ) -> Option<(&'n str, &'n Node<'t>)> {
        let node = object.get(name)?;
        self.text(node, &place.member(name)).map(|text| (text, node))
    }

    /// A number of seconds within bounds.
    pub(super) fn seconds(
        &mut self,
        object: &Object<'_>,
        place: &Place<'_>,
        name: &str,
        bounds: &RangeInclusive<u64>,
        default: u64,
    ) -> u64 {
        let Some(node) = object.get(name) else { return default };
        let place = place.member(name);
        let Value::Number(text) = node.value else {
            self.expected(node, &place, "a number of seconds");
            return default;
        };
        match text.parse() {
            Ok(seconds) if bounds.contains(&seconds) => seconds,
            _ => {
                let message = format!("expected whole seconds from {} to {}", bounds.start(), bounds.end());
                self.problem(node, &place, message, None);
                default
            }
        }
    }

    pub(super) fn flag(&mut self, object: &Object<'_>, place: &Place<'_>, name: &str) -> bool {
        let Some(node) = object.get(name) else { return false };
        match node.value {
            Value::Bool(value) => value,
            _ => {
                self.expected(node, &place.member(name), "true or false");
                false
            }
        }
    }

    /// An array of different, non-empty strings that has to be there and hold one at least.
    pub(super) fn identifiers(&mut self, object: &Object<'_>, place: &Place<'_>, name: &str) -> Vec<String> {
        let mut identifiers = Vec::new();
        let Some(node) = object.get(name) else {
            self.missing(object, place, name);
            return identifiers;
        };
        let Some(elements) = self.elements(object, place, name) else { return identifiers };
        let place = place.member(name);
        if elements.is_empty() {
            self.problem(node, &place, "at least one is needed", None);
        }
        for (index, element) in elements.iter().enumerate() {
            let place = place.element(index);
            let Some(text) = self.text(element, &place) else { continue };
            if identifiers.iter().any(|known| known == text) {
                self.problem(element, &place, format!("`{text}` is already named"), None);
            }
            identifiers.push(text.to_owned());
        }
        identifiers
    }

    /// Reports an absent member, at the first one of the object that lacks it.
    pub(super) fn missing(&mut self, object: &Object<'_>, place: &Place<'_>, name: &str) {
        let at = object.iter().next().map_or(0, |member| member.at);
        self.report(at, place.to_string(), format!("`{name}` is missing"), None);
    }

    /// A URL that is https, or http to a loopback address where that is allowed. A problem is reported
    /// and the text kept: no policy comes of it anyway.
    pub(super) fn url(
        &mut self,
        url: &str,
        node: &Node<'_>,
        place: &Place<'_>,
        http_loopback: bool,
    ) -> String {
        let clean = url.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'));
        let authority =
            |rest: &str| -> String { rest.split(['/', '?', '#']).next().unwrap_or_default().to_owned() };
        let fault = match url.split_once("://") {
            _ if !clean => Some(("a URL is printable ASCII without quotes and backslashes", None)),
            Some((_, rest)) if authority(rest).is_empty() => Some(("the URL names no host", None)),
            Some((_, rest)) if authority(rest).contains('@') => {
                Some(("a URL with a user or password in it is not used", None))
            }
            Some(("https", _)) => None,
            Some(("http", rest)) if is_loopback(&authority(rest)) => (!http_loopback).then(|| {
                let suggestion = "set \"allow_http_loopback\": true at the top of the policy";
                ("http is refused, even to a loopback address", Some(suggestion.to_owned()))
            }),
            Some(("http", rest)) => Some((
                "http is refused: whoever is in between could replace the keys",
                Some(format!("https://{rest}")),
            )),
            _ => Some(("expected a URL that starts with https://", None)),
        };
        if let Some((message, suggestion)) = fault {
            self.problem(node, place, message, suggestion);
        }
        url.to_owned()
    }
}

/// Whether an authority is a loopback address beyond doubt: no name that a resolver could send elsewhere,
/// but for `localhost`, which RFC 6761 §6.3 keeps at home.
fn is_loopback(authority: &str) -> bool {
    let host = if authority.starts_with('[') {
        authority.split_inclusive(']').next().unwrap_or_default()
    } else {
        authority.split(':').next().unwrap_or_default()
    };
    host == "localhost"
        || host == "[::1]"
        || host.parse::<core::net::Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_loopback_address_from_a_name_that_looks_like_one() {
        for authority in ["localhost", "localhost:80", "127.0.0.1", "127.9.8.7:1", "[::1]", "[::1]:80"] {
            assert!(is_loopback(authority), "{authority}");
        }
        for authority in ["localhost.example", "127.0.0.1.example", "10.0.0.1", "[::2]:80", "", "[::1"] {
            assert!(!is_loopback(authority), "{authority}");
        }
    }
}
