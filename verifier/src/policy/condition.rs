//! Conditions on claims.

use alloc::{borrow::ToOwned, format, string::String, vec::Vec};

use super::{
    glob::{GLOB, Glob},
    grammar::{Shape, TEXT, fields},
};
use crate::{
    claim::{ClaimPath, ClaimValue, Scalar},
    json::{Node, Object},
};

fields! {
    /// A condition on one claim of the token. A claim of another type than the test is for fails it.
    pub(super) static CONDITION {
        /// The claim: one member name, in which dots mean nothing, or a path of member names.
        "claim": required CLAIM,
        /// The claim is this value.
        "equals": optional Shape::Scalar,
        /// The claim is one of these values.
        "one_of": optional Shape::List(&Shape::Scalar),
        /// The claim is a text that starts with this one. End it where a name ends, at a `/` or `:`.
        "prefix": optional TEXT,
        /// The claim is a text that this pattern is for, all of it: `*` is any run of characters without `/` and `:`, `**`
        /// any run at all.
        "glob": optional Shape::Text(&GLOB),
        /// The claim is a list with this value in it. A text counts as a list of one.
        "contains": optional Shape::Scalar,
        /// Whether the claim has to be there, or must not be.
        "exists": optional Shape::Flag,
    }
    one_of ["equals", "one_of", "prefix", "glob", "contains", "exists"]
}

pub(super) const CLAIM: Shape = Shape::Either(&[TEXT, Shape::Path]);
pub(super) const CONDITIONS: Shape = Shape::List(&Shape::Object(&CONDITION));

/// The claims that a policy asks about, each once. A condition names one by its place here, so that they
/// are looked up when a token is verified and not at each decision about it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct ClaimPaths(Vec<ClaimPath>);

/// A condition on one claim.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Condition {
    claim: usize,
    test: Test,
}

#[derive(Clone, Debug, PartialEq)]
enum Test {
    OneOf(Vec<Scalar>),
    Prefix(String),
    Glob(Glob),
    Contains(Scalar),
    Exists(bool),
}

impl ClaimPaths {
    fn place(&mut self, path: ClaimPath) -> usize {
        self.0.iter().position(|known| *known == path).unwrap_or_else(|| {
            self.0.push(path);
            self.0.len() - 1
        })
    }

    /// The values of these claims in a token, in this order.
    pub(crate) fn values(&self, claims: &Object<'_>) -> Vec<ClaimValue> {
        self.0.iter().map(|path| path.value(claims)).collect()
    }

    pub(crate) fn get(&self, claim: usize) -> Option<&ClaimPath> {
        self.0.get(claim)
    }

    /// What to call a claim in a message.
    pub(crate) fn name(&self, claim: usize) -> String {
        self.get(claim).map(|path| format!("{path}")).unwrap_or_default()
    }

    /// The claim that a member `claim` names.
    pub(super) fn read(&mut self, object: &Object<'_>) -> Option<usize> {
        let path = match object.text("claim") {
            Some(name) => ClaimPath::new([name.to_owned()].into()),
            None => ClaimPath::new(object.texts("claim")),
        };
        path.map(|path| self.place(path))
    }
}

impl Condition {
    /// The conditions of a list whose grammar was checked.
    pub(super) fn read_all(list: &[Node<'_>], paths: &mut ClaimPaths) -> Vec<Self> {
        list.iter()
            .filter_map(|node| {
                let object = node.as_object()?;
                Some(Self { claim: paths.read(object)?, test: Test::read(object)? })
            })
            .collect()
    }

    pub(super) fn equals(claim: &str, text: &str, paths: &mut ClaimPaths) -> Option<Self> {
        let path = ClaimPath::new([claim.to_owned()].into())?;
        Some(Self { claim: paths.place(path), test: Test::OneOf([Scalar::Text(text.to_owned())].into()) })
    }

    /// The first of the conditions that does not hold for these values.
    pub(crate) fn first_failing<'c>(conditions: &'c [Self], values: &[ClaimValue]) -> Option<&'c Self> {
        conditions
            .iter()
            .find(|condition| !values.get(condition.claim).is_some_and(|value| condition.holds(value)))
    }

    /// The same condition among the claims of another policy.
    pub(crate) fn moved(self, from: &ClaimPaths, to: &mut ClaimPaths) -> Option<Self> {
        let claim = to.place(from.get(self.claim)?.clone());
        Some(Self { claim, ..self })
    }

    pub(crate) fn holds(&self, value: &ClaimValue) -> bool {
        self.test.holds(value)
    }

    pub(crate) fn claim(&self) -> usize {
        self.claim
    }
}

impl Test {
    fn read(object: &Object<'_>) -> Option<Self> {
        if let Some(value) = object.get("equals") {
            return Scalar::read(value).map(|scalar| Test::OneOf([scalar].into()));
        }
        if object.get("one_of").is_some() {
            return Some(Test::OneOf(object.list("one_of").iter().filter_map(Scalar::read).collect()));
        }
        if let Some(value) = object.get("contains") {
            return Scalar::read(value).map(Test::Contains);
        }
        if let Some(prefix) = object.owned_text("prefix") {
            return Some(Test::Prefix(prefix));
        }
        if let Some(pattern) = object.text("glob") {
            return Glob::parse(pattern).ok().map(Test::Glob);
        }
        object.get("exists").map(|_| Test::Exists(object.flag("exists")))
    }

    fn holds(&self, value: &ClaimValue) -> bool {
        match (self, value) {
            (Test::OneOf(allowed), ClaimValue::Scalar(value)) => allowed.contains(value),
            (Test::Prefix(prefix), ClaimValue::Scalar(Scalar::Text(text))) => text.starts_with(prefix),
            (Test::Glob(glob), ClaimValue::Scalar(Scalar::Text(text))) => glob.matches(text),
            (Test::Contains(wanted), ClaimValue::List(elements)) => {
                elements.iter().any(|element| element.as_ref() == Some(wanted))
            }
            (Test::Contains(wanted), ClaimValue::Scalar(value @ Scalar::Text(_))) => value == wanted,
            (Test::Exists(wanted), value) => (*value != ClaimValue::Absent) == *wanted,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests;
