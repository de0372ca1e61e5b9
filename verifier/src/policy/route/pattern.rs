//! The paths and hosts that a route is for.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use regex_lite::Regex;

use crate::{
    json::Object,
    limits,
    policy::{
        grammar::{Shape, Text, fields},
        reader::Fault,
    },
    target,
};

fields! {
    /// The paths that a route is for. They are compared in their normal form, case by case.
    pub(super) static PATH {
        /// This path.
        "exact": optional Shape::Text(&NORMAL),
        /// This path and everything below it: `/orders` is also for `/orders/1`, not for `/orders-new`.
        "prefix": optional Shape::Text(&NORMAL),
        /// A path with parameters: in `/orders/{id}` the segment `{id}` stands for any one segment.
        "template": optional Shape::Text(&TEMPLATE),
        /// A regular expression for the whole path. It is matched in linear time.
        "regex": optional Shape::Text(&REGEX),
    }
    one_of ["exact", "prefix", "template", "regex"]
}

static NORMAL: Text = Text {
    #[cfg(feature = "schema")]
    schema: crate::policy::grammar::TextSchema::Pattern("^/"),
    check: |text, _| path_fault(text),
};

static TEMPLATE: Text = Text {
    #[cfg(feature = "schema")]
    schema: crate::policy::grammar::TextSchema::Pattern("^/"),
    check: |text, _| template_fault(text),
};

static REGEX: Text = Text {
    #[cfg(feature = "schema")]
    schema: crate::policy::grammar::TextSchema::Format("regex"),
    check: |text, _| compile(text).err(),
};

pub(super) static HOST: Text = Text {
    #[cfg(feature = "schema")]
    schema: crate::policy::grammar::TextSchema::Pattern(r"^(\*\.)?[a-z0-9._:\[\]-]+$"),
    check: |text, _| host_fault(text),
};

/// The paths that a route is for.
#[derive(Clone, Debug)]
pub(crate) enum PathPattern {
    Any,
    Exact(String),
    /// The path itself and everything below it: `/orders` covers `/orders/1` and not `/orders-of-magnitude`.
    Prefix(String),
    Template(Vec<Segment>),
    /// Anchored at both ends. The text is the one in the policy.
    Regex {
        text: String,
        regex: Regex,
    },
}

/// A segment of a template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Segment {
    Literal(String),
    /// Any segment that is not empty.
    Parameter,
}

/// The hosts that a route is for, lower-case and without port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum HostPattern {
    Exact(String),
    /// Every name that ends in this text, which starts with a dot.
    Below(String),
}

/// What stands for a parameter where a path is wanted that a template matches. No literal holds it.
const PLACEHOLDER: &str = "\0";

impl PathPattern {
    /// Reads a pattern whose grammar was checked.
    pub(super) fn read(path: Option<&Object<'_>>) -> Option<Self> {
        let Some(path) = path else { return Some(PathPattern::Any) };
        if let Some(exact) = path.owned_text("exact") {
            return Some(PathPattern::Exact(exact));
        }
        if let Some(prefix) = path.owned_text("prefix") {
            return Some(PathPattern::Prefix(prefix));
        }
        if let Some(template) = path.text("template") {
            return Some(PathPattern::Template(segments(template).map(Segment::read).collect()));
        }
        let text = path.text("regex")?;
        compile(text).ok().map(|regex| PathPattern::Regex { text: text.to_owned(), regex })
    }

    /// Whether a normalised path is one of these.
    pub(crate) fn matches(&self, path: &str) -> bool {
        match self {
            PathPattern::Any => true,
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Prefix(prefix) => is_below(path, prefix),
            PathPattern::Template(own) => {
                let mut given = segments(path);
                own.iter().all(|segment| given.next().is_some_and(|text| segment.matches(text)))
                    && given.next().is_none()
            }
            PathPattern::Regex { regex, .. } => regex.is_match(path),
        }
    }

    /// The segments that every matching path starts with, each a literal or a parameter.
    pub(super) fn stem(&self) -> Vec<Segment> {
        match self {
            PathPattern::Any => Vec::new(),
            PathPattern::Exact(path) => literals(path),
            PathPattern::Prefix(prefix) => literals(prefix.strip_suffix('/').unwrap_or(prefix)),
            PathPattern::Template(segments) => segments.clone(),
            PathPattern::Regex { text, .. } => literals(literal_folder(text)),
        }
    }

    /// Whether matching paths can have more segments than the [stem](Self::stem).
    pub(super) fn is_open(&self) -> bool {
        !matches!(self, PathPattern::Exact(_) | PathPattern::Template(_))
    }

    /// A path, if only an imaginary one, that every pattern that covers this one matches.
    pub(super) fn sample(&self) -> String {
        match self {
            PathPattern::Any => format!("/{PLACEHOLDER}"),
            PathPattern::Exact(path) | PathPattern::Prefix(path) => path.clone(),
            PathPattern::Template(segments) => {
                segments.iter().flat_map(|segment| ["/", segment.literal().unwrap_or(PLACEHOLDER)]).collect()
            }
            PathPattern::Regex { text, .. } => format!("{}/{PLACEHOLDER}", literal_folder(text)),
        }
    }

    /// Whether every path that the other matches is matched by this one. No is said in doubt.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (PathPattern::Any, _) => true,
            (PathPattern::Prefix(_), _)
            | (_, PathPattern::Exact(_))
            | (PathPattern::Template(_), PathPattern::Template(_)) => self.matches(&other.sample()),
            (PathPattern::Regex { text: own, .. }, PathPattern::Regex { text, .. }) => own == text,
            _ => false,
        }
    }
}

impl Segment {
    fn read(text: &str) -> Self {
        if is_parameter(text) { Segment::Parameter } else { Segment::Literal(text.to_owned()) }
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Segment::Literal(own) => own == text,
            Segment::Parameter => !text.is_empty(),
        }
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Segment::Literal(text) => Some(text),
            Segment::Parameter => None,
        }
    }
}

impl HostPattern {
    pub(super) fn read(text: &str) -> Self {
        match text.strip_prefix('*') {
            Some(suffix) => HostPattern::Below(suffix.to_owned()),
            None => HostPattern::Exact(text.to_owned()),
        }
    }

    /// Whether a normalised host is one of these.
    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            HostPattern::Exact(own) => own == host,
            HostPattern::Below(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
        }
    }

    /// Whether every host that the other matches is matched by this one.
    pub(super) fn covers(&self, other: &Self) -> bool {
        match other {
            HostPattern::Exact(host) => self.matches(host),
            HostPattern::Below(suffix) => {
                matches!(self, HostPattern::Below(own) if suffix.ends_with(own.as_str()))
            }
        }
    }
}

/// The name in a Host field: lower-case, without port and without the dot of a fully qualified name. None if
/// there is none, or not beyond doubt: a rule for a host must not be passed over because of a spelling.
pub(crate) fn host_name(field: &str) -> Option<String> {
    let (name, port) = match field.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => (name, port),
        _ => (field, ""),
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    (port.bytes().all(|byte| byte.is_ascii_digit()) && is_host(&name)).then_some(name)
}

/// Whether a text is a lower-case name or an address of IPv6 in brackets.
fn is_host(text: &str) -> bool {
    if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return address.parse::<core::net::Ipv6Addr>().is_ok();
    }
    let is_label = |label: &str| {
        !label.is_empty() && label.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_'))
    };
    text.split('.').all(is_label)
}

fn is_below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
}

/// The segments of a path, which starts with a slash: `/` has one, which is empty.
pub(super) fn segments(path: &str) -> core::iter::Skip<core::str::Split<'_, char>> {
    path.split('/').skip(1)
}

fn literals(path: &str) -> Vec<Segment> {
    segments(path).map(|text| Segment::Literal(text.to_owned())).collect()
}

fn is_parameter(segment: &str) -> bool {
    segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).is_some_and(|name| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    })
}

fn path_fault(text: &str) -> Option<Fault> {
    match target::path(text) {
        Ok(normal) if normal == text => None,
        Ok(normal) => Some(Fault {
            message: "the path is not normalised".into(),
            suggestion: Some(format!("write `{normal}`")),
        }),
        Err(fault) => Some(Fault::new(format!("no such path: {fault}"))),
    }
}

fn template_fault(text: &str) -> Option<Fault> {
    let parameter = |text: &str| is_parameter(text);
    let odd = segments(text).find(|text| text.contains(['{', '}']) && !parameter(text));
    if let Some(odd) = odd {
        return Some(Fault {
            message: format!("`{odd}` is no segment: a parameter is a whole segment, such as `{{id}}`"),
            suggestion: Some("use `regex` for a part of a segment".into()),
        });
    }
    let filled: String =
        segments(text).flat_map(|text| ["/", if is_parameter(text) { "x" } else { text }]).collect();
    // Without a slash at the front the first segment would be lost.
    path_fault(if text.starts_with('/') { &filled } else { text })
}

/// A regular expression for whole paths, or what is wrong with it.
fn compile(text: &str) -> Result<Regex, Fault> {
    let build = |text: &str| {
        regex_lite::RegexBuilder::new(text)
            .size_limit(limits::REGEX_BYTES)
            .build()
            .map_err(|error| Fault::new(format!("no regular expression that can be used: {error}")))
    };
    if !text.is_ascii() || text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
        return Err(Fault {
            message: "no path can match: paths start with a slash and are ASCII".into(),
            suggestion: Some("write other characters as they are sent, as `%C3%A9`".into()),
        });
    }
    // Alone first: what is no expression by itself could become one between the anchors.
    build(text)?;
    build(&format!("^(?:{text})$"))
}

/// The part of an expression, up to a slash, that every match starts with.
fn literal_folder(text: &str) -> &str {
    // An alternative at the top would make nothing common; in a group it comes after the literal part.
    let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
    let end = text.find(special).unwrap_or(text.len());
    if has_alternatives(text) {
        return "";
    }
    let (literal, rest) = text.split_at_checked(end).unwrap_or_default();
    // A quantifier may take the last character away again; so may a `+`, quantified in its turn.
    let literal = if rest.starts_with(['*', '?', '{', '+']) {
        literal.char_indices().next_back().and_then(|(last, _)| literal.get(..last)).unwrap_or_default()
    } else {
        literal
    };
    literal.rfind('/').and_then(|slash| literal.get(..slash)).unwrap_or_default()
}

/// Whether a `|` stands outside of all groups. Yes is said in doubt: brackets in a class or in a comment (which
/// a flag allows) do not group.
fn has_alternatives(text: &str) -> bool {
    let in_doubt = text.contains('[') || text.contains("(?");
    let (mut depth, mut escaped) = (0_usize, false);
    for c in text.chars() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            '|' if in_doubt || depth == 0 => return true,
            _ => {}
        }
    }
    false
}

fn host_fault(text: &str) -> Option<Fault> {
    let (below, name) = text.strip_prefix("*.").map_or(("", text), |name| ("*.", name));
    match host_name(name) {
        Some(normal) if normal == name => None,
        Some(normal) => Some(Fault {
            message: "a host is written in lower case and without a port".into(),
            suggestion: Some(format!("write `{below}{normal}`")),
        }),
        None => Some(Fault::new(format!(
            "`{text}` is no host: write a name, or `*.` and a name for every name below it"
        ))),
    }
}
