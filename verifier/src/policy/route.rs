//! The routes of a policy: which requests need which scopes.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::reader::{Place, Reader};
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
    let nodes = reader.elements(policy, place, "routes").unwrap_or_default();
    let place = place.member("routes");
    if let ([], Some(node)) = (nodes, policy.get("routes")) {
        let message = "an empty list reads as if it let nothing pass";
        let suggestion = "leave `routes` out to ask for a good token and nothing else".to_owned();
        reader.problem(node, &place, message, Some(suggestion));
    }
    nodes.iter().enumerate().filter_map(|(index, node)| route(reader, node, &place.element(index))).collect()
}

fn route(reader: &mut Reader<'_>, node: &Node<'_>, place: &Place<'_>) -> Option<Route> {
    let object = reader.object(node, place, &["methods", "path", "public", "scopes"])?;
    let methods = if object.get("methods").is_some() {
        reader.identifiers(object, place, "methods")
    } else {
        Vec::new()
    };
    for (index, method) in methods.iter().enumerate() {
        if !method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-' || byte == b'_') {
            let message = format!("`{method}` is no method: they are upper-case (RFC 9110 §9.1)");
            let methods = place.member("methods");
            let suggestion = format!("write `{}`", method.to_ascii_uppercase());
            reader.problem(node, &methods.element(index), message, Some(suggestion));
        }
    }
    let path = path_pattern(reader, object, place);
    let access = access(reader, node, object, place);
    Some(Route { methods, path: path?, access: access? })
}

fn path_pattern(reader: &mut Reader<'_>, route: &Object<'_>, place: &Place<'_>) -> Option<PathPattern> {
    let Some(node) = route.get("path") else { return Some(PathPattern::Any) };
    let place = place.member("path");
    let object = reader.object(node, &place, &["exact", "prefix"])?;
    let mut read = |name: &str| {
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
    match (read("exact"), read("prefix")) {
        (Some(exact), None) => Some(PathPattern::Exact(exact)),
        (None, Some(prefix)) => Some(PathPattern::Prefix(prefix)),
        _ => {
            reader.problem(node, &place, "a path is either `exact` or `prefix`", None);
            None
        }
    }
}

fn access(reader: &mut Reader<'_>, node: &Node<'_>, route: &Object<'_>, place: &Place<'_>) -> Option<Access> {
    if route.get("public").is_some() {
        let public = reader.flag(route, place, "public");
        if route.get("scopes").is_some() {
            reader.problem(node, place, "a route is either `public` or has `scopes`", None);
        } else if public {
            return Some(Access::Public);
        }
    }
    if route.get("scopes").is_none() {
        return Some(Access::Scopes(Vec::new()));
    }
    let scopes = reader.identifiers(route, place, "scopes");
    for (index, scope) in scopes.iter().enumerate() {
        if !is_scope(scope) {
            let message = format!("`{scope}` is no scope (RFC 6749 §3.3)");
            reader.problem(node, &place.member("scopes").element(index), message, None);
        }
    }
    Some(Access::Scopes(scopes))
}
