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
    url,
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
    /// In the order of the document.
    found: Vec<Found>,
}

/// A problem whose place is still a byte offset.
struct Found {
    at: usize,
    place: String,
    fault: Fault,
}

/// What is wrong with a text, and what to write instead, where that can be told.
pub(super) struct Fault {
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
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
        Self { text, found: Vec::new() }
    }

    /// The document as a tree, which has to be there for anything else to be said about it.
    pub(super) fn parse(&mut self, bounds: Bounds) -> Option<Node<'d>> {
        json::parse(self.text, bounds)
            .map_err(|error| self.report(error.at, String::new(), error.fault.to_string(), None))
            .ok()
    }

    /// The problems with their lines, which are counted in one go.
    pub(super) fn finish(self) -> Result<(), PolicyError> {
        let Self { text, found } = self;
        if found.is_empty() {
            return Ok(());
        }
        let (mut line, mut column, mut counted) = (1, 1, 0);
        let locate = |Found { at, place, fault: Fault { message, suggestion } }| {
            for c in text.get(counted..at).unwrap_or_default().chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            counted = at;
            Problem { place, line, column, message, suggestion }
        };
        Err(PolicyError::new(found.into_iter().map(locate).collect()))
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
        if self.found.len() < limits::POLICY_PROBLEMS {
            let index = self.found.partition_point(|found| found.at <= at);
            self.found.insert(index, Found { at, place, fault: Fault { message, suggestion } });
        }
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
        let Value::Array(elements) = &node.value else {
            self.expected(node, &place.member(name), "an array");
            return None;
        };
        Some(elements)
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
        let Value::Bool(value) = node.value else {
            self.expected(node, &place.member(name), "true or false");
            return false;
        };
        value
    }

    /// An array of different, non-empty strings that has to be there and hold one at least. `check` says
    /// what else is wrong with one.
    pub(super) fn identifiers(
        &mut self,
        object: &Object<'_>,
        place: &Place<'_>,
        name: &str,
        check: impl Fn(&str) -> Option<Fault>,
    ) -> Vec<String> {
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
            if let Some(Fault { message, suggestion }) = check(text) {
                self.problem(element, &place, message, suggestion);
            }
            identifiers.push(text.to_owned());
        }
        identifiers
    }

    /// Reports an absent member, at the start of the object that lacks it.
    pub(super) fn missing(&mut self, object: &Object<'_>, place: &Place<'_>, name: &str) {
        self.report(object.at, place.to_string(), format!("`{name}` is missing"), None);
    }

    /// A URL to fetch from or to send people to. A problem is reported and the text kept: no policy comes
    /// of it anyway.
    pub(super) fn url(
        &mut self,
        url: &str,
        node: &Node<'_>,
        place: &Place<'_>,
        http_loopback: bool,
    ) -> String {
        if let Some(Fault { message, suggestion }) = url::fault(url, http_loopback) {
            self.problem(node, place, message, suggestion);
        }
        url.to_owned()
    }
}
