//! The routes of a policy: which requests need which scopes.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::reader::{Fault, Place, Reader};
use crate::{
    json::{Node, Object},
    scope::is_scope,
    target,
};

/// A rule for some requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Route {
    /// The methods it is for; empty for all.
    methods: Vec<String>,
    path: PathPattern,
    pub(crate) access: Access,
}

/// What a route asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Access {
    /// Nothing: no token is looked at.
    Public,
    /// A good token with all of these scopes.
    Scopes(Vec<String>),
}

#[derive(Clone, Debug, PartialEq)]
enum PathPattern {
    Any,
    Exact(String),
    /// The path itself and everything below it: `/orders` covers `/orders/1` and not `/orders-of-magnitude`.
    Prefix(String),
}

impl Route {
    /// Whether this route is for a request. The path is a normalised one.
    pub(crate) fn matches(&self, method: &str, path: &str) -> bool {
        (self.methods.is_empty() || self.methods.iter().any(|own| own == method)) && self.path.matches(path)
    }
}

impl PathPattern {
    fn matches(&self, path: &str) -> bool {
        match self {
            PathPattern::Any => true,
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Prefix(prefix) => path
                .strip_prefix(prefix.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/')),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>, policy: &Object<'_>, place: &Place<'_>) -> Vec<Route> {
    let Some(list) = policy.get("routes") else { return Vec::new() };
    let Some(nodes) = reader.elements(policy, place, "routes") else { return Vec::new() };
    let place = place.member("routes");
    if nodes.is_empty() {
        let message = "an empty list reads as if it let nothing pass";
        let suggestion = "leave `routes` out to ask for a good token and nothing else".to_owned();
        reader.problem(list, &place, message, Some(suggestion));
    }
    nodes.iter().enumerate().filter_map(|(index, node)| route(reader, node, &place.element(index))).collect()
}

fn route(reader: &mut Reader<'_>, node: &Node<'_>, place: &Place<'_>) -> Option<Route> {
    let object = reader.object(node, place, &["methods", "path", "public", "scopes"])?;
    let methods = if object.get("methods").is_some() {
        reader.identifiers(object, place, "methods", method_fault)
    } else {
        Vec::new()
    };
    let path = path_pattern(reader, object, place);
    let access = access(reader, node, object, place);
    Some(Route { methods, path: path?, access })
}

fn method_fault(method: &str) -> Option<Fault> {
    let is_method = |text: &str| text.bytes().all(|byte| matches!(byte, b'A'..=b'Z' | b'-' | b'_'));
    if is_method(method) {
        return None;
    }
    let upper = method.to_ascii_uppercase();
    Some(Fault {
        message: format!("`{method}` is no method: they are upper-case letters (RFC 9110 §9.1)"),
        suggestion: is_method(&upper).then(|| format!("write `{upper}`")),
    })
}

fn path_pattern(reader: &mut Reader<'_>, route: &Object<'_>, place: &Place<'_>) -> Option<PathPattern> {
    let Some(node) = route.get("path") else { return Some(PathPattern::Any) };
    let place = place.member("path");
    let object = reader.object(node, &place, &["exact", "prefix"])?;
    let mut read = |name: &str| -> Option<String> {
        let (text, node) = reader.optional_text(object, &place, name)?;
        match target::path(text) {
            Ok(normal) if normal == text => {}
            Ok(normal) => {
                let suggestion = format!("write `{normal}`");
                reader.problem(node, &place.member(name), "the path is not normalised", Some(suggestion));
            }
            Err(fault) => reader.problem(node, &place.member(name), format!("no such path: {fault}"), None),
        }
        Some(text.to_owned())
    };
    match (object.get("exact"), object.get("prefix")) {
        (Some(_), None) => read("exact").map(PathPattern::Exact),
        (None, Some(_)) => read("prefix").map(PathPattern::Prefix),
        _ => {
            reader.problem(node, &place, "a path is either `exact` or `prefix`", None);
            None
        }
    }
}

fn access(reader: &mut Reader<'_>, node: &Node<'_>, route: &Object<'_>, place: &Place<'_>) -> Access {
    let public = reader.flag(route, place, "public");
    if route.get("scopes").is_none() {
        return if public { Access::Public } else { Access::Scopes(Vec::new()) };
    }
    if route.get("public").is_some() {
        reader.problem(node, place, "a route is either `public` or has `scopes`", None);
    }
    let scopes = reader.identifiers(route, place, "scopes", |scope| {
        (!is_scope(scope))
            .then(|| Fault { message: format!("`{scope}` is no scope (RFC 6749 §3.3)"), suggestion: None })
    });
    Access::Scopes(scopes)
}
