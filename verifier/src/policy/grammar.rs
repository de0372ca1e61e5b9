//! The grammar of the policy document, as data.
//!
//! The tables of [`fields!`] stand beside the types that are built from them. A document is
//! [checked](super::reader::Reader::check) against them, and the JSON Schema is
//! [written](super::schema) from them, so the two cannot differ.

use super::reader::Fault;

/// An object of the document: its members, and what they say about each other.
pub(crate) struct Fields {
    #[cfg(feature = "schema")]
    pub(super) name: &'static str,
    #[cfg(feature = "schema")]
    pub(super) about: &'static str,
    pub(super) members: &'static [Member],
    /// Another object all of whose members this one has as well.
    pub(super) base: Option<&'static Fields>,
    pub(super) choices: &'static [Choice],
}

impl Fields {
    /// The members: its own, then those of its base.
    pub(super) fn members(&self) -> impl Iterator<Item = &'static Member> {
        self.members.iter().chain(self.base.into_iter().flat_map(|base| base.members))
    }
}

/// A member of an object.
pub(crate) struct Member {
    pub(super) name: &'static str,
    #[cfg(feature = "schema")]
    pub(super) about: &'static str,
    pub(super) required: bool,
    pub(super) shape: Shape,
}

/// Members of which one excludes the others.
pub(crate) struct Choice {
    pub(super) names: &'static [&'static str],
    /// Whether one of them has to be there.
    pub(super) required: bool,
}

/// What a value can be.
#[derive(Clone, Copy)]
pub(crate) enum Shape {
    Object(&'static Fields),
    /// A list of different values, one at least.
    List(&'static Shape),
    /// Names on the way to a place, one at least. One may occur again: an actor's actor is `act` in `act`.
    Path,
    Text(&'static Text),
    Number(&'static Number),
    Flag,
    /// `true` and nothing else: the member says what is to be done without saying how.
    True,
    /// A text, a boolean or an integer that is exact everywhere.
    Scalar,
    /// A JWK Set (RFC 7517 §5), which has a reader of its own.
    KeySet,
    /// One of several, which differ in their JSON type.
    Either(&'static [Shape]),
}

/// A kind of text: not empty and at most [`limits::IDENTIFIER_BYTES`](crate::limits::IDENTIFIER_BYTES)
/// long.
pub(crate) struct Text {
    /// What a JSON Schema can say of it.
    #[cfg(feature = "schema")]
    pub(super) schema: TextSchema,
    /// What is wrong with one.
    pub(super) check: fn(&str, Settings) -> Option<Fault>,
}

/// A kind of text, as far as JSON Schema has words for it.
#[cfg(feature = "schema")]
#[derive(Clone, Copy)]
pub(crate) enum TextSchema {
    Any,
    Pattern(&'static str),
    /// A `format` (JSON Schema Validation §7.3).
    Format(&'static str),
    Words(fn() -> alloc::vec::Vec<&'static str>),
}

/// A kind of whole number.
pub(crate) struct Number {
    /// What is counted: `seconds`, `bytes`.
    pub(super) unit: &'static str,
    pub(super) min: u64,
    pub(super) max: u64,
    /// What holds where the document is silent.
    pub(super) default: u64,
}

/// What parts of the document say about how others are to be read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings {
    /// Whether URLs may be http to a loopback address.
    pub(super) http_loopback: bool,
}

/// Writes the table of an object: documentation, the object that it extends, if it does, then members as
/// `"name": required SHAPE` or `"name": optional SHAPE`, then choices.
macro_rules! fields {
    (
        $(#[doc = $about:literal])*
        $vis:vis static $name:ident $(: $base:ident)? {
            $( $(#[doc = $doc:literal])* $member:literal: $presence:ident $shape:expr, )*
        }
        $( $choice:ident [$($option:literal),*] )*
    ) => {
        $(#[doc = $about])*
        $vis static $name: $crate::policy::grammar::Fields = $crate::policy::grammar::Fields {
            #[cfg(feature = "schema")]
            name: stringify!($name),
            #[cfg(feature = "schema")]
            about: concat!($($about),*),
            members: &[$(
                $crate::policy::grammar::Member {
                    name: $member,
                    #[cfg(feature = "schema")]
                    about: concat!($($doc),*),
                    required: $crate::policy::grammar::fields!(@ $presence),
                    shape: $shape,
                },
            )*],
            base: $crate::policy::grammar::fields!(@ base $($base)?),
            choices: &[$(
                $crate::policy::grammar::Choice {
                    names: &[$($option),*],
                    required: $crate::policy::grammar::fields!(@ $choice),
                },
            )*],
        };
    };
    (@ base) => { None };
    (@ base $base:ident) => { Some(&$base) };
    (@ required) => { true };
    (@ optional) => { false };
    (@ one_of) => { true };
    (@ at_most_one_of) => { false };
}

pub(crate) use fields;

/// A text about which there is nothing more to say.
pub(super) static ANY_TEXT: Text = Text {
    #[cfg(feature = "schema")]
    schema: TextSchema::Any,
    check: |_, _| None,
};

pub(super) static URL: Text = Text {
    #[cfg(feature = "schema")]
    schema: TextSchema::Format("uri"),
    check: |text, settings| super::url::fault(text, settings.http_loopback),
};

pub(super) const TEXT: Shape = Shape::Text(&ANY_TEXT);
pub(super) const TEXTS: Shape = Shape::List(&TEXT);
