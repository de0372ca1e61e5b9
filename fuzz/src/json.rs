//! Strict JSON against `serde_json`: what ours takes it takes, as the same value; what it takes and ours does not
//! breaks one of the bounds that ours has besides the grammar.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess, Visitor},
};
use tessera_verifier::{
    JsonFault,
    fuzzing::{Json, parse_json},
    limits,
};

/// What `serde_json` reads, with every member that it sees, also those of one name.
#[derive(Debug)]
enum Tree {
    Null,
    Bool(bool),
    Number(f64),
    String(String),
    Array(Vec<Tree>),
    Object(Vec<(String, Tree)>),
}

/// Parses a text both ways.
pub fn run(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    match (parse_json(text), serde_json::from_str::<Tree>(text)) {
        (Ok(own), Ok(other)) => {
            assert!(same(&own, &other), "{own:?} and {other:?}");
            let broken = broken_bound(text, &other);
            assert!(broken.is_none(), "{broken:?} was not seen");
        }
        (Ok(own), Err(error)) => {
            // It turns numbers into floats; ours stay as they are written until a claim wants one.
            assert!(error.to_string().starts_with("number out of range"), "only ours takes {own:?}: {error}");
        }
        (Err(error), Ok(other)) => {
            let broken = broken_bound(text, &other);
            assert!(broken.is_some(), "only ours refuses {text:?}: {error}");
            let bounds = [
                JsonFault::TooLong,
                JsonFault::TooDeep,
                JsonFault::TooManyMembers,
                JsonFault::DuplicateMember,
            ];
            assert!(bounds.contains(&error.fault), "{error} although it is {broken:?}");
        }
        (Err(error), Err(_)) => assert!(error.at <= text.len(), "{error}"),
    }
}

/// A bound that the value breaks, if it breaks one.
fn broken_bound(text: &str, tree: &Tree) -> Option<&'static str> {
    if text.len() > limits::TOKEN_BYTES { Some("too long") } else { broken_within(tree, 0) }
}

fn broken_within(tree: &Tree, depth: usize) -> Option<&'static str> {
    let within = |mut children: Box<dyn Iterator<Item = &Tree> + '_>| {
        if depth >= limits::TOKEN_DEPTH {
            return Some("too deep");
        }
        children.find_map(|child| broken_within(child, depth + 1))
    };
    match tree {
        Tree::Null | Tree::Bool(_) | Tree::Number(_) | Tree::String(_) => None,
        Tree::Array(elements) if elements.len() > limits::TOKEN_ELEMENTS => Some("too many elements"),
        Tree::Array(elements) => within(Box::new(elements.iter())),
        Tree::Object(members) if members.len() > limits::OBJECT_MEMBERS => Some("too many members"),
        Tree::Object(members) => {
            let mut names: Vec<&str> = members.iter().map(|(name, _)| &**name).collect();
            names.sort_unstable();
            names.dedup();
            if names.len() < members.len() {
                return Some("a member twice");
            }
            within(Box::new(members.iter().map(|(_, value)| value)))
        }
    }
}

fn same(own: &Json, other: &Tree) -> bool {
    match (own, other) {
        (Json::Null, Tree::Null) => true,
        (Json::Bool(own), Tree::Bool(other)) => own == other,
        // `serde_json` may miss the nearest float by some steps, where a number has hundreds of digits.
        (Json::Number(text), Tree::Number(other)) => text
            .parse::<f64>()
            .is_ok_and(|own| (own - other).abs() <= own.abs().max(f64::MIN_POSITIVE) * 8.0 * f64::EPSILON),
        (Json::String(own), Tree::String(other)) => own == other,
        (Json::Array(own), Tree::Array(other)) => {
            own.len() == other.len() && own.iter().zip(other).all(|(own, other)| same(own, other))
        }
        (Json::Object(own), Tree::Object(other)) => {
            own.len() == other.len()
                && own.iter().zip(other).all(|(own, other)| own.0 == other.0 && same(&own.1, &other.1))
        }
        _ => false,
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor)
    }
}

struct TreeVisitor;

impl<'de> Visitor<'de> for TreeVisitor {
    type Value = Tree;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(flag))
    }

    #[expect(clippy::cast_precision_loss, reason = "floats are compared with a tolerance")]
    fn visit_i64<E>(self, number: i64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "floats are compared with a tolerance")]
    fn visit_u64<E>(self, number: u64) -> Result<Tree, E> {
        Ok(Tree::Number(number as f64))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Tree, E> {
        Ok(Tree::Number(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Tree, E> {
        Ok(Tree::String(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Tree, A::Error> {
        let mut array = Vec::new();
        while let Some(element) = elements.next_element()? {
            array.push(element);
        }
        Ok(Tree::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Tree, A::Error> {
        let mut object = Vec::new();
        while let Some(member) = members.next_entry()? {
            object.push(member);
        }
        Ok(Tree::Object(object))
    }
}
