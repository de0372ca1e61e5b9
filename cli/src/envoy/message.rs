//! Messages as Envoy writes them in JSON (the JSON mapping of Protocol Buffers).
//!
//! A member can be written `from_headers` or `fromHeaders`; `null`, an empty text, zero and `false` are as if they
//! were not there. A member that is not known is refused: nobody can say what leaving it out would let through.

use std::collections::BTreeMap;

use serde_json::Value;

use super::document::below;
use super::note::Notes;

/// A message, its members by their names in snake case.
pub(super) struct Message<'v> {
    pub(super) place: String,
    members: BTreeMap<String, Member<'v>>,
    notes: &'v Notes,
}

struct Member<'v> {
    place: String,
    value: &'v Value,
}

/// A value with its place.
pub(super) struct Placed<'v> {
    pub(super) place: String,
    pub(super) value: &'v Value,
}

impl<'v> Message<'v> {
    /// Reads a message that has these members and no other.
    pub(super) fn read(value: &'v Value, place: &str, known: &[&str], notes: &'v Notes) -> Self {
        let mut message = Self { place: place.to_owned(), members: BTreeMap::new(), notes };
        let Value::Object(members) = value else {
            notes.refuse(place, "an object is expected here");
            return message;
        };
        for (written, value) in members.iter().filter(|(_, value)| !value.is_null()) {
            let (name, place) = (snake_case(written), below(place, written));
            if written == "@type" {
                continue;
            }
            if !known.contains(&name.as_str()) {
                notes.refuse(place, "this member is not known here, so what it does could get lost");
            } else if let Some(other) = message.members.insert(name, Member { place, value }) {
                notes.refuse(other.place, "this member is there in its other spelling, too");
            }
        }
        message
    }

    pub(super) fn get(&self, name: &str) -> Option<Placed<'v>> {
        let Member { place, value } = self.members.get(name)?;
        Some(Placed { place: place.clone(), value })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The members that are there out of these.
    pub(super) fn given<'n>(&self, names: &[&'n str]) -> Vec<&'n str> {
        names.iter().copied().filter(|name| self.has(name)).collect()
    }

    /// The place of a member, whether it is there or not.
    pub(super) fn place_of(&self, name: &str) -> String {
        self.members.get(name).map_or_else(|| below(&self.place, name), |member| member.place.clone())
    }

    pub(super) fn message(&self, name: &str, known: &[&str]) -> Option<Message<'v>> {
        let Placed { place, value } = self.get(name)?;
        Some(Message::read(value, &place, known, self.notes))
    }

    pub(super) fn list(&self, name: &str) -> Vec<Placed<'v>> {
        match self.get(name) {
            Some(Placed { place, value: Value::Array(elements) }) => elements
                .iter()
                .enumerate()
                .map(|(index, value)| Placed { place: below(&place, &index.to_string()), value })
                .collect(),
            Some(Placed { place, .. }) => {
                self.notes.refuse(place, "a list is expected here");
                Vec::new()
            }
            None => Vec::new(),
        }
    }

    /// A map, by its keys.
    pub(super) fn map(&self, name: &str) -> BTreeMap<String, Placed<'v>> {
        match self.get(name) {
            Some(Placed { place, value: Value::Object(members) }) => members
                .iter()
                .map(|(key, value)| (key.clone(), Placed { place: below(&place, key), value }))
                .collect(),
            Some(Placed { place, .. }) => {
                self.notes.refuse(place, "an object is expected here");
                BTreeMap::new()
            }
            None => BTreeMap::new(),
        }
    }

    pub(super) fn text(&self, name: &str) -> Option<&'v str> {
        self.get(name)?.text(self.notes).filter(|text| !text.is_empty())
    }

    pub(super) fn texts(&self, name: &str) -> Vec<&'v str> {
        self.list(name).iter().filter_map(|element| element.text(self.notes)).collect()
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.optional_flag(name).unwrap_or(false)
    }

    /// A flag that is not `false` when it is absent (`google.protobuf.BoolValue`).
    pub(super) fn optional_flag(&self, name: &str) -> Option<bool> {
        let Placed { place, value } = self.get(name)?;
        if value.as_bool().is_none() {
            self.notes.refuse(place, "true or false is expected here");
        }
        value.as_bool()
    }

    /// A whole number; zero is as if it were not there.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let Placed { place, value } = self.get(name)?;
        let number = value.as_u64().or_else(|| value.as_str()?.parse().ok());
        if number.is_none() {
            self.notes.refuse(place, "a whole number is expected here");
        }
        number.filter(|number| *number > 0)
    }

    /// A duration in whole seconds, rounded down: `"1.5s"`, or an object with `seconds`.
    pub(super) fn seconds(&self, name: &str) -> Option<u64> {
        let Placed { place, value } = self.get(name)?;
        let written = match value {
            Value::Object(parts) => parts.get("seconds").map_or(Some(0), Value::as_u64),
            _ => value.as_str().and_then(|text| text.strip_suffix('s')?.split('.').next()?.parse().ok()),
        };
        if written.is_none() {
            self.notes.refuse(place, "a duration is expected here, such as `300s`");
        }
        written
    }
}

impl<'v> Placed<'v> {
    /// The text that it is.
    pub(super) fn text(&self, notes: &Notes) -> Option<&'v str> {
        if !self.value.is_string() {
            notes.refuse(self.place.clone(), "a text is expected here");
        }
        self.value.as_str()
    }
}

/// The name of a member as the definition of its message has it.
pub(super) fn snake_case(written: &str) -> String {
    let mut name = String::with_capacity(written.len());
    for c in written.chars() {
        if c.is_ascii_uppercase() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}
