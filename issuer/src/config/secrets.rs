//! How the place of a secret is written: `"file"`, `{ file = "…" }`, `{ env = "NAME" }`, `{ command = ["…"] }`.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

use crate::keys::SecretSource;

/// The members, one of which a table has.
const MEMBERS: &[&str] = &["file", "env", "command"];

/// The place of a secret; a text alone is a file.
pub(super) struct PlaceOrPath(SecretSource);

/// The place of a secret, as a table only: a text alone would be the secret itself, sooner or later.
pub(super) struct Place(SecretSource);

/// One visitor for both, which differ in what a text alone is.
struct Read {
    path_alone: bool,
}

impl PlaceOrPath {
    pub(super) fn resolve(self, folder: &Path) -> SecretSource {
        resolve(self.0, folder)
    }
}

impl Place {
    pub(super) fn resolve(self, folder: &Path) -> SecretSource {
        resolve(self.0, folder)
    }
}

fn resolve(source: SecretSource, folder: &Path) -> SecretSource {
    match source {
        SecretSource::File(path) => SecretSource::File(folder.join(path)),
        // A bare name is found by `PATH`; a path is relative to this file as all others are.
        SecretSource::Command { program, arguments } if program.components().count() > 1 => {
            SecretSource::Command { program: folder.join(program), arguments }
        }
        other => other,
    }
}

impl<'de> Deserialize<'de> for PlaceOrPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read { path_alone: true }).map(Self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Read { path_alone: false }).map(Self)
    }
}

impl<'de> Visitor<'de> for Read {
    type Value = SecretSource;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path_alone { "a path, " } else { "" };
        write!(f, "{path}{{ file = \"…\" }}, {{ env = \"NAME\" }} or {{ command = [\"…\"] }}")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SecretSource, E> {
        if self.path_alone {
            return Ok(SecretSource::File(text.into()));
        }
        // Not the text: it may be the secret.
        Err(E::invalid_type(Unexpected::Other("text"), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<SecretSource, A::Error> {
        let wrong = || A::Error::invalid_value(Unexpected::Map, &self);
        let source = match map.next_key::<String>()?.ok_or_else(wrong)?.as_str() {
            "file" => SecretSource::File(map.next_value::<PathBuf>()?),
            "env" => SecretSource::Environment(map.next_value()?),
            "command" => {
                let mut arguments = map.next_value::<Vec<String>>()?;
                if arguments.first().is_none_or(String::is_empty) {
                    return Err(A::Error::custom("`command` is a program and its arguments"));
                }
                SecretSource::Command { program: arguments.remove(0).into(), arguments }
            }
            other => return Err(A::Error::unknown_field(other, MEMBERS)),
        };
        match map.next_key::<String>()? {
            None => Ok(source),
            Some(_) => Err(wrong()),
        }
    }
}
