//! Patterns of the condition `glob`.

use alloc::{format, vec, vec::Vec};

use super::{grammar::Text, reader::Fault};
use crate::limits;

/// What a pattern of a condition can be.
pub(super) static GLOB: Text = Text {
    #[cfg(feature = "schema")]
    schema: super::grammar::TextSchema::Pattern("[^*]"),
    check: |text, _| Glob::parse(text).err(),
};

/// A pattern for a whole text: `*` is any run of characters without `/` and `:`, `**` any run at all. Both may be
/// empty.
///
/// Matched by advancing through all ways of reading the pattern at once, so that the time grows with the text and
/// not with the number of ways.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Glob(Vec<Step>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    Byte(u8),
    /// `*`
    Within,
    /// `**`
    Across,
}

impl Glob {
    pub(super) fn parse(pattern: &str) -> Result<Self, Fault> {
        if pattern.len() > limits::GLOB_BYTES {
            return Err(Fault::new(format!("a pattern has at most {} bytes", limits::GLOB_BYTES)));
        }
        if pattern.contains("***") {
            return Err(Fault::new("three stars in a row mean nothing"));
        }
        if pattern.bytes().all(|byte| byte == b'*') {
            return Err(Fault {
                message: "this lets everything through".into(),
                suggestion: Some("write `\"exists\": true` if that is what is meant".into()),
            });
        }
        let mut steps: Vec<Step> = Vec::with_capacity(pattern.len());
        for byte in pattern.bytes() {
            match (byte, steps.last_mut()) {
                (b'*', Some(last @ Step::Within)) => *last = Step::Across,
                (b'*', _) => steps.push(Step::Within),
                _ => steps.push(Step::Byte(byte)),
            }
        }
        if steps.iter().filter(|step| !matches!(step, Step::Byte(_))).count() > limits::GLOB_RUNS {
            return Err(Fault::new(format!(
                "a pattern has `*` or `**` in at most {} places",
                limits::GLOB_RUNS
            )));
        }
        Ok(Self(steps))
    }

    /// Whether the whole text is as the pattern says.
    pub(super) fn matches(&self, text: &str) -> bool {
        if text.len() > limits::IDENTIFIER_BYTES {
            return false;
        }
        let mut places = vec![];
        self.arrive(&mut places, 0);
        let mut next = Vec::new();
        for byte in text.bytes() {
            next.clear();
            for place in places.iter().copied() {
                match self.0.get(place) {
                    Some(Step::Byte(own)) if *own == byte => self.arrive(&mut next, place + 1),
                    Some(Step::Within) if !matches!(byte, b'/' | b':') => self.arrive(&mut next, place),
                    Some(Step::Across) => self.arrive(&mut next, place),
                    _ => {}
                }
            }
            if next.is_empty() {
                return false;
            }
            core::mem::swap(&mut places, &mut next);
        }
        places.last() == Some(&self.0.len())
    }

    /// Adds a place in the pattern, and those behind it that cost no character. Places come in ascending order, each
    /// once.
    fn arrive(&self, places: &mut Vec<usize>, place: usize) {
        let last =
            if matches!(self.0.get(place), Some(Step::Within | Step::Across)) { place + 1 } else { place };
        for place in place..=last {
            if places.last().is_none_or(|known| *known < place) {
                places.push(place);
            }
        }
    }
}

#[cfg(test)]
mod tests;
