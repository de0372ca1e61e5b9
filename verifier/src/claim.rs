//! Claims that a policy names: where they are in a token, and what they are worth to a rule.

use alloc::{borrow::ToOwned, string::String, vec::Vec};
use core::fmt;

use crate::json::{Node, Object, Value};

/// Where a claim is: member names from the outside in, one at least.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClaimPath(Vec<String>);

/// The value of a claim, as far as rules can ask about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum ClaimValue {
    Absent,
    Scalar(Scalar),
    /// An array; its elements that are no scalars are none here.
    List(Vec<Option<Scalar>>),
    /// An object or null.
    Other,
}

/// A value without parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scalar {
    Text(String),
    /// As it is written. A policy's numbers are integers in their only spelling, so a token's `1.0`
    /// equals none of them: refused, where a float's rounding could let pass.
    Number(String),
    Bool(bool),
}

impl ClaimPath {
    pub(crate) fn new(names: Vec<String>) -> Option<Self> {
        (!names.is_empty()).then_some(Self(names))
    }

    pub(crate) fn value(&self, claims: &Object<'_>) -> ClaimValue {
        self.find(claims).map_or(ClaimValue::Absent, ClaimValue::read)
    }

    /// Where the claim is in a token, if it is.
    pub(crate) fn find<'c, 'p>(&self, claims: &'c Object<'p>) -> Option<&'c Node<'p>> {
        let mut object = claims;
        let mut names = self.0.iter();
        loop {
            let node = object.get(names.next()?)?;
            if names.len() == 0 {
                return Some(node);
            }
            object = node.as_object()?;
        }
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if n == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

impl ClaimValue {
    /// How many values it has in it, itself included.
    pub(crate) fn elements(&self) -> usize {
        match self {
            Self::List(elements) => elements.len() + 1,
            Self::Absent | Self::Scalar(_) | Self::Other => 1,
        }
    }

    pub(crate) fn read(node: &Node<'_>) -> Self {
        match &node.value {
            Value::Array(elements) => Self::List(elements.iter().map(Scalar::read).collect()),
            _ => Scalar::read(node).map_or(Self::Other, Self::Scalar),
        }
    }
}

impl Scalar {
    pub(crate) fn read(node: &Node<'_>) -> Option<Self> {
        match &node.value {
            Value::String(text) => Some(Self::Text((**text).to_owned())),
            Value::Number(text) => Some(Self::Number((*text).to_owned())),
            Value::Bool(value) => Some(Self::Bool(*value)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// As a text: what a header field would hold.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Scalar::Text(text) | Scalar::Number(text) => text,
            Scalar::Bool(true) => "true",
            Scalar::Bool(false) => "false",
        }
    }
}
