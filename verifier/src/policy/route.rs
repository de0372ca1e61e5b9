//! The routes of a policy: which requests need what.

mod index;
mod pattern;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use self::{
    index::Index,
    pattern::{HOST, HostPattern, PATH, PathPattern, host_name},
};
use super::{
    condition::ClaimPaths,
    grammar::{Shape, Text, fields},
    reader::{Fault, Place, Reader},
    requirement::{REQUIREMENT, Requirement},
};
use crate::json::{Node, Object};

fields! {
    /// A rule for some requests. The first rule that matches decides.
    pub(super) static ROUTE: REQUIREMENT {
        /// The methods that the rule is for; all, if absent.
        "methods": optional Shape::List(&Shape::Text(&METHOD)),
        /// The hosts that the rule is for, without port: a name, or `*.` and a name for every name below
        /// it. All, if absent.
        "hosts": optional Shape::List(&Shape::Text(&HOST)),
        /// The paths that the rule is for; all, if absent.
        "path": optional Shape::Object(&PATH),
        /// No token is looked at.
        "public": optional Shape::Flag,
        /// A request without a token passes, too. One with a bad or insufficient token is refused.
        "optional": optional Shape::Flag,
        /// Refusals by this rule are reported, and the requests let through.
        "dry_run": optional Shape::Flag,
    }
}

/// What a public route cannot say either, besides a requirement: it would never be asked.
const IDLE_WHEN_PUBLIC: [&str; 2] = ["optional", "dry_run"];

static METHOD: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern("^[A-Z_-]+$"),
    check: |text, _| method_fault(text),
};

/// The routes of a policy, in their order, and the way to them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes {
    list: Vec<Route>,
    /// Those whose hosts are all plain names, by name.
    by_host: BTreeMap<String, Index>,
    /// The others.
    any_host: Index,
    /// Whether any route looks at the host.
    names_hosts: bool,
}

/// A rule for some requests.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// Empty for all.
    methods: Vec<String>,
    /// Empty for all.
    hosts: Vec<HostPattern>,
    path: PathPattern,
    pub(crate) access: Access,
    /// Whether refusals are reported only.
    pub(crate) dry_run: bool,
}

/// What a route asks for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Access {
    /// Nothing: no token is looked at.
    Public,
    /// A good token that meets the requirement.
    Token {
        requirement: Requirement,
        /// Whether a request without any token passes, too.
        optional: bool,
    },
}

impl Routes {
    /// Whether the policy has no routes, and asks of every request the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Route> {
        self.list.iter()
    }

    /// The first route for a request with this method, Host field and normalised path.
    pub(crate) fn find(&self, method: &str, host: &str, path: &str) -> Option<&Route> {
        // The host is looked at only where a route does, and then it has to be one.
        let host = if self.names_hosts { host_name(host)? } else { String::new() };
        let first = self.first(&host, path, |route| {
            route.takes_method(method) && route.takes_host(&host) && route.path.matches(path)
        })?;
        self.list.get(first)
    }

    /// The place of the first candidate of which this holds.
    fn first(&self, host: &str, path: &str, holds: impl Fn(&Route) -> bool) -> Option<usize> {
        let mut first: Option<usize> = None;
        let mut visit = |routes: &[usize]| {
            for &at in routes {
                if first.is_some_and(|first| first < at) {
                    return;
                }
                if self.list.get(at).is_some_and(&holds) {
                    first = Some(at);
                    return;
                }
            }
        };
        self.any_host.candidates(path, &mut visit);
        if let Some(index) = self.by_host.get(host) {
            index.candidates(path, &mut visit);
        }
        first
    }

    fn push(&mut self, route: Route) {
        let at = self.list.len();
        let names: Option<Vec<&String>> = route
            .hosts
            .iter()
            .map(|host| match host {
                HostPattern::Exact(name) => Some(name),
                HostPattern::Below(_) => None,
            })
            .collect();
        match names {
            Some(names) if !names.is_empty() => {
                for name in names {
                    self.by_host.entry(name.clone()).or_default().insert(&route.path, at);
                }
            }
            _ => self.any_host.insert(&route.path, at),
        }
        self.names_hosts |= !route.hosts.is_empty();
        self.list.push(route);
    }

    /// The place of an earlier route that leaves nothing for this one.
    fn covering(&self, route: &Route) -> Option<usize> {
        let sample = route.path.sample();
        let covers = |earlier: &Route| earlier.covers(route);
        match route.hosts.first() {
            Some(HostPattern::Exact(name)) => self.first(name, &sample, covers),
            _ => self.first("", &sample, covers),
        }
    }

    pub(super) fn read(
        reader: &mut Reader<'_>,
        policy: &Object<'_>,
        place: &Place<'_>,
        issuers: &[&str],
        paths: &mut ClaimPaths,
    ) -> Self {
        let mut routes = Self::default();
        // Where in the document each route of the list is: those that cannot be read are not in the list.
        let mut origins = Vec::new();
        let place = place.member("routes");
        for (index, node) in policy.list("routes").iter().enumerate() {
            let place = place.element(index);
            let Some(route) = Route::read(reader, node, &place, issuers, paths) else { continue };
            if let Some(earlier) = routes.covering(&route).and_then(|at| origins.get(at)) {
                let message = format!("no request gets here: /routes/{earlier} takes all of them");
                let suggestion = "put the narrower rule first".into();
                reader.problem(node, &place, message, Some(suggestion));
            }
            routes.push(route);
            origins.push(index);
        }
        routes
    }
}

impl Route {
    fn read(
        reader: &mut Reader<'_>,
        node: &Node<'_>,
        place: &Place<'_>,
        issuers: &[&str],
        paths: &mut ClaimPaths,
    ) -> Option<Self> {
        let object = node.as_object()?;
        let requirement = Requirement::read(reader, object, place, issuers, paths);
        let access = if object.flag("public") {
            let idle = REQUIREMENT.members().map(|member| member.name).chain(IDLE_WHEN_PUBLIC);
            for name in idle {
                if let Some(node) = object.get(name) {
                    let message = "the route is `public`, so this is never asked";
                    reader.problem(node, &place.member(name), message, None);
                }
            }
            Access::Public
        } else {
            Access::Token { requirement, optional: object.flag("optional") }
        };
        let path = match object.get("path") {
            None => PathPattern::Any,
            Some(_) => PathPattern::read(object.object("path"))?,
        };
        Some(Self {
            methods: object.texts("methods"),
            hosts: object.texts("hosts").iter().map(|host| HostPattern::read(host)).collect(),
            path,
            access,
            dry_run: object.flag("dry_run"),
        })
    }

    fn takes_method(&self, method: &str) -> bool {
        self.methods.is_empty() || self.methods.iter().any(|own| own == method)
    }

    fn takes_host(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|own| own.matches(host))
    }

    /// Whether every request that the other is for is one that this is for. No is said in doubt.
    fn covers(&self, other: &Self) -> bool {
        let methods = self.methods.is_empty()
            || !other.methods.is_empty() && other.methods.iter().all(|method| self.methods.contains(method));
        let covered = |host: &HostPattern| self.hosts.iter().any(|own| own.covers(host));
        let hosts = self.hosts.is_empty() || !other.hosts.is_empty() && other.hosts.iter().all(covered);
        methods && hosts && self.path.covers(&other.path)
    }
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

#[cfg(test)]
mod tests;
