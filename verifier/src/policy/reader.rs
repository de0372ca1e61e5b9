//! Checking a document against its grammar, collecting what is wrong instead of stopping at it.

use alloc::{
    borrow::ToOwned,
    format,
    string::{String, ToString},
    vec::Vec,
};
use core::fmt;

use super::{
    UrlRules,
    grammar::{ANY_TEXT, Choice, Fields, Number, Settings, Shape, Text},
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
    settings: Settings,
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
pub(crate) struct Fault {
    pub(super) message: String,
    pub(super) suggestion: Option<String>,
}

impl Fault {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), suggestion: None }
    }
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
        Self { text, settings: Settings::default(), found: Vec::new() }
    }

    /// The document as a tree, which has to be there for anything else to be said about it.
    pub(super) fn parse(&mut self, bounds: Bounds) -> Option<Node<'d>> {
        json::parse(self.text, bounds)
            .map_err(|error| self.report(error.at, String::new(), Fault::new(error.fault.to_string())))
            .ok()
    }

    /// Says how the rest is to be read.
    /// Which URLs the document allows.
    pub(super) fn url_rules(&self) -> UrlRules {
        UrlRules { http_loopback: self.settings.http_loopback }
    }

    pub(super) fn set(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// What is wrong with a URL that has to be one to fetch from.
    pub(super) fn url_fault(&self, url: &str) -> Option<Fault> {
        (super::grammar::URL.check)(url, self.settings)
    }

    /// The problems with their lines, which are counted in one go.
    pub(super) fn finish(self) -> Result<(), PolicyError> {
        let Self { text, found, .. } = self;
        if found.is_empty() {
            return Ok(());
        }
        let (mut line, mut column, mut counted) = (1, 1, 0);
        let locate = |Found { at, place, fault: Fault { message, suggestion } }| {
            for c in text.get(counted..at).unwrap_or_default().chars() {
                (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
            }
            counted = at;
            Problem { pointer: place, line, column, message, suggestion }
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
        self.report(node.at, place.to_string(), Fault { message: message.into(), suggestion });
    }

    fn report(&mut self, at: usize, place: String, fault: Fault) {
        if self.found.len() < limits::POLICY_PROBLEMS {
            let index = self.found.partition_point(|found| found.at <= at);
            self.found.insert(index, Found { at, place, fault });
        }
    }

    fn fault(&mut self, node: &Node<'_>, place: &Place<'_>, fault: Fault) {
        self.report(node.at, place.to_string(), fault);
    }

    fn expected(&mut self, node: &Node<'_>, place: &Place<'_>, what: &str) {
        self.fault(node, place, Fault::new(format!("expected {what}, found {}", node.value.kind())));
    }

    /// Reports everything in which a value differs from its shape.
    pub(super) fn check(&mut self, node: &Node<'_>, place: &Place<'_>, shape: &Shape) {
        match (shape, &node.value) {
            (Shape::Object(fields), Value::Object(object)) => self.object(object, place, fields),
            (Shape::List(of), Value::Array(elements)) => self.list(node, elements, place, of),
            (Shape::Path, Value::Array(elements)) => self.path(node, elements, place),
            (Shape::Text(rule), Value::String(text)) => self.text(node, text, place, rule),
            (Shape::Number(rule), Value::Number(text)) => self.number(node, text, place, rule),
            // A key set is read by the keys' own reader, which checks it.
            (Shape::Flag, Value::Bool(_))
            | (Shape::True, Value::Bool(true))
            | (Shape::Scalar, Value::String(_) | Value::Bool(_))
            | (Shape::KeySet, _) => {}
            (Shape::Scalar, Value::Number(text)) if is_exact_integer(text) => {}
            (Shape::Either(shapes), value) => match shapes.iter().find(|shape| shape.takes(value)) {
                Some(shape) => self.check(node, place, shape),
                None => self.expected(node, place, &shape.what()),
            },
            _ => self.expected(node, place, &shape.what()),
        }
    }

    fn object(&mut self, object: &Object<'_>, place: &Place<'_>, fields: &Fields) {
        for member in object.iter() {
            let place = place.member(&member.name);
            if let Some(known) = fields.members().find(|known| known.name == member.name) {
                self.check(&member.value, &place, &known.shape);
                continue;
            }
            let known: Vec<&str> = fields.members().map(|member| member.name).collect();
            let suggestion = did_you_mean(&member.name, &known)
                .unwrap_or_else(|| format!("known here: {}", known.join(", ")));
            let fault = Fault { message: "unknown member".into(), suggestion: Some(suggestion) };
            self.report(member.at, place.to_string(), fault);
        }
        for known in fields.members() {
            if known.required && object.get(known.name).is_none() {
                self.missing(object, place, &format!("`{}`", known.name));
            }
        }
        for Choice { names, required } in fields.choices {
            let mut given = names.iter().filter_map(|name| object.get(name).map(|node| (*name, node)));
            match (given.next(), given.next()) {
                (Some((first, _)), Some((second, node))) => {
                    let message = format!("`{first}` is there as well: keep one");
                    self.problem(node, &place.member(second), message, None);
                }
                (None, _) if *required => self.missing(object, place, &alternatives(names)),
                _ => {}
            }
        }
    }

    /// Reports an absent member, at the start of the object that lacks it.
    fn missing(&mut self, object: &Object<'_>, place: &Place<'_>, what: &str) {
        self.report(object.at, place.to_string(), Fault::new(format!("{what} is missing")));
    }

    fn list(&mut self, node: &Node<'_>, elements: &[Node<'_>], place: &Place<'_>, of: &Shape) {
        if elements.is_empty() {
            self.fault(node, place, Fault::new("at least one is needed"));
        }
        for (index, element) in elements.iter().enumerate() {
            let place = place.element(index);
            // Compared each with each, and so only where lists are short and repetition is a slip.
            if let Value::String(text) = &element.value
                && elements.iter().take(index).any(|other| other.value == element.value)
            {
                self.fault(element, &place, Fault::new(format!("`{text}` is already named")));
            }
            self.check(element, &place, of);
        }
    }

    fn path(&mut self, node: &Node<'_>, elements: &[Node<'_>], place: &Place<'_>) {
        if elements.is_empty() {
            self.fault(node, place, Fault::new("at least one is needed"));
        }
        for (index, element) in elements.iter().enumerate() {
            self.check(element, &place.element(index), &Shape::Text(&ANY_TEXT));
        }
    }

    fn text(&mut self, node: &Node<'_>, text: &str, place: &Place<'_>, rule: &Text) {
        let fault = if text.is_empty() {
            Some(Fault::new("the text is empty"))
        } else if text.len() > limits::IDENTIFIER_BYTES {
            Some(Fault::new("the text is too long"))
        } else {
            (rule.check)(text, self.settings)
        };
        if let Some(fault) = fault {
            self.fault(node, place, fault);
        }
    }

    fn number(&mut self, node: &Node<'_>, text: &str, place: &Place<'_>, rule: &Number) {
        if !text.parse().is_ok_and(|number| rule.contains(number)) {
            let Number { unit, min, max, .. } = rule;
            self.fault(node, place, Fault::new(format!("expected whole {unit} from {min} to {max}")));
        }
    }
}

impl Number {
    pub(super) fn contains(&self, number: u64) -> bool {
        (self.min..=self.max).contains(&number)
    }

    /// What the document says, as far as it may say that.
    pub(super) fn read(&self, node: Option<&Node<'_>>) -> u64 {
        match node.map(|node| &node.value) {
            Some(Value::Number(text)) => {
                text.parse().ok().filter(|number| self.contains(*number)).unwrap_or(self.default)
            }
            _ => self.default,
        }
    }
}

impl Shape {
    /// Whether a value has the JSON type of this shape.
    fn takes(&self, value: &Value<'_>) -> bool {
        match self {
            Shape::Object(_) | Shape::KeySet => matches!(value, Value::Object(_)),
            Shape::List(_) | Shape::Path => matches!(value, Value::Array(_)),
            Shape::Text(_) => matches!(value, Value::String(_)),
            Shape::Number(_) => matches!(value, Value::Number(_)),
            Shape::Flag | Shape::True => matches!(value, Value::Bool(_)),
            Shape::Scalar => matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_)),
            Shape::Either(shapes) => shapes.iter().any(|shape| shape.takes(value)),
        }
    }

    /// What to call it when something else was found.
    fn what(&self) -> String {
        match self {
            Shape::Object(_) | Shape::KeySet => "an object".to_owned(),
            Shape::List(_) | Shape::Path => "an array".to_owned(),
            Shape::Text(_) => "a string".to_owned(),
            Shape::Number(rule) => format!("a number of {}", rule.unit),
            Shape::Flag => "true or false".to_owned(),
            Shape::True => "true".to_owned(),
            Shape::Scalar => "a string, true, false or an integer up to 2⁵³".to_owned(),
            Shape::Either(shapes) => shapes.iter().map(Shape::what).collect::<Vec<_>>().join(" or "),
        }
    }
}

/// Whether the text of a number is an integer that every JSON parser reads as the same (RFC 8259 §6).
pub(super) fn is_exact_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    text != "-0" && digits.parse().is_ok_and(|number: u64| number <= limits::NUMERIC_DATE_MAX)
}

/// "`a`, `b` or `c`".
fn alternatives(names: &[&str]) -> String {
    let mut text = String::new();
    for (n, name) in names.iter().enumerate() {
        text.push_str(match names.len() - n {
            _ if n == 0 => "",
            1 => " or ",
            _ => ", ",
        });
        text.push('`');
        text.push_str(name);
        text.push('`');
    }
    text
}
