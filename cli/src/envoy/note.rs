//! What there is to say about a conversion.

use std::cell::RefCell;
use std::fmt;

/// Something that the new configuration does differently from the old one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Note {
    pub(crate) kind: Kind,
    /// What it is about: a JSON Pointer into the file (RFC 6901).
    pub(crate) place: String,
    /// What is different, and what to do about it.
    pub(crate) text: String,
}

/// How the new configuration differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It cannot be converted without letting through what was refused.
    Refused,
    /// Somebody has to do it in the file around the plug-in's configuration.
    ByHand,
    /// It lets requests pass without a token, as the old one does.
    Open,
    /// It refuses what was let through.
    Stricter,
    /// It leaves this out; no decision hangs on it.
    Dropped,
}

/// The notes of a conversion. They are taken down while much else is borrowed.
#[derive(Debug, Default)]
pub(super) struct Notes(RefCell<Vec<Note>>);

impl Kind {
    /// Its name, as people and programs read it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::ByHand => "by hand",
            Self::Open => "open",
            Self::Stricter => "stricter",
            Self::Dropped => "dropped",
        }
    }
}

impl fmt::Display for Note {
    /// One line, without control characters, which the file may have put into it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = format!("{}: {}: {}", self.place, self.kind.name(), self.text);
        line.chars().try_for_each(|c| {
            if c.is_control() { write!(f, "{}", c.escape_default()) } else { write!(f, "{c}") }
        })
    }
}

impl Notes {
    pub(super) fn add(&self, kind: Kind, place: impl Into<String>, text: impl Into<String>) {
        let note = Note { kind, place: place.into(), text: text.into() };
        let mut notes = self.0.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    pub(super) fn refuse(&self, place: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::Refused, place, text);
    }

    pub(super) fn stricter(&self, place: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::Stricter, place, text);
    }

    pub(super) fn dropped(&self, place: impl Into<String>, text: impl Into<String>) {
        self.add(Kind::Dropped, place, text);
    }

    /// Whether something was refused.
    pub(super) fn has_refused(&self) -> bool {
        self.0.borrow().iter().any(|note| note.kind == Kind::Refused)
    }

    /// All of them, what matters most first.
    pub(super) fn into_sorted(self) -> Vec<Note> {
        let mut notes = self.0.into_inner();
        notes.sort_by_key(|note| note.kind);
        notes
    }
}
