//! Taking values out of a document that was checked.
//!
//! What is malformed reads as absent: it was reported, and no policy will come of the document.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use super::grammar::Number;
use crate::json::{Node, Object, Value};

impl<'a> Object<'a> {
    pub(super) fn owned_text(&self, name: &str) -> Option<String> {
        self.text(name).map(ToOwned::to_owned)
    }

    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        self.list(name).iter().filter_map(Node::as_text).map(ToOwned::to_owned).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name).map(|node| &node.value), Some(Value::Bool(true)))
    }

    pub(super) fn number(&self, name: &str, rule: &Number) -> u64 {
        rule.read(self.get(name))
    }

    /// The elements of an array; none if it is absent.
    pub(super) fn list(&self, name: &str) -> &[Node<'a>] {
        self.get(name).map_or(&[], Node::elements)
    }

    pub(super) fn object(&self, name: &str) -> Option<&Object<'a>> {
        self.get(name).and_then(Node::as_object)
    }
}
