//! Distinguished names as RFC 4514 writes them.
//!
//! Two names that differ are never written alike: what is not one of the nine short attribute types of RFC 4514 §3 with
//! a text in it is written by number, with the bytes of its value.

use std::fmt::{self, Write as _};

use x509_cert::attr::AttributeTypeAndValue;
use x509_cert::der::{self, Encode as _, ErrorKind, Tag, Tagged as _};
use x509_cert::name::Name;

/// RFC 4514 §3.
const SHORT_NAMES: [(&str, &str); 9] = [
    ("2.5.4.3", "CN"),
    ("2.5.4.7", "L"),
    ("2.5.4.8", "ST"),
    ("2.5.4.10", "O"),
    ("2.5.4.11", "OU"),
    ("2.5.4.6", "C"),
    ("2.5.4.9", "STREET"),
    ("0.9.2342.19200300.100.1.25", "DC"),
    ("0.9.2342.19200300.100.1.1", "UID"),
];

/// The name, its last part first (§2.1).
pub(super) fn text(name: &Name) -> der::Result<String> {
    let mut text = String::new();
    let parts: Vec<_> = name.iter_rdn().collect();
    for (position, part) in parts.into_iter().rev().enumerate() {
        for (nth, attribute) in part.iter().enumerate() {
            text.push_str(match (position, nth) {
                (0, 0) => "",
                (_, 0) => ",",
                _ => "+",
            });
            write(&mut text, attribute)?;
        }
    }
    Ok(text)
}

fn write(text: &mut String, attribute: &AttributeTypeAndValue) -> der::Result<()> {
    let oid = attribute.oid.to_string();
    let short = SHORT_NAMES.iter().find(|(number, _)| *number == oid).map(|(_, short)| *short);
    let written = if let (Some(short), Some(value)) = (short, value(attribute)?) {
        write!(text, "{short}={}", Escaped(value))
    } else {
        let bytes = attribute.value.to_der()?;
        write!(text, "{oid}=#{}", Hex(&bytes))
    };
    written.map_err(|_| ErrorKind::Failed.into())
}

/// The text of a value; `None` if it is none, or one of an alphabet that readers disagree about.
fn value(attribute: &AttributeTypeAndValue) -> der::Result<Option<&str>> {
    let bytes = attribute.value.value();
    let text = |ascii: bool| match std::str::from_utf8(bytes) {
        Ok(text) if !ascii || text.is_ascii() => Ok(Some(text)),
        _ => Err(ErrorKind::Failed.into()),
    };
    match attribute.value.tag() {
        Tag::Utf8String => text(false),
        Tag::PrintableString | Tag::Ia5String => text(true),
        _ => Ok(None),
    }
}

/// A value with what §2.4 wants escaped, and control characters as well, which have no place in a log.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.0.char_indices().next_back().map(|(at, _)| at);
        for (at, letter) in self.0.char_indices() {
            match letter {
                '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{letter}")?,
                '#' | ' ' if at == 0 => write!(f, "\\{letter}")?,
                ' ' if Some(at) == last => f.write_str("\\ ")?,
                letter if letter.is_ascii_control() => write!(f, "\\{:02X}", u32::from(letter))?,
                letter => f.write_char(letter)?,
            }
        }
        Ok(())
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
