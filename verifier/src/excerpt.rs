//! Untrusted text on its way into a log.

use alloc::{borrow::ToOwned, string::String};
use core::fmt;

/// A piece of untrusted text, cut to [`Excerpt::CHARACTERS`]; it shows quoted and with every control
/// character escaped, so that it cannot forge a line of a log.
#[derive(Clone, PartialEq, Eq)]
pub struct Excerpt {
    text: String,
    cut: bool,
}

impl Excerpt {
    /// As much of a text as is kept: enough to recognise an identifier by.
    pub const CHARACTERS: usize = 100;

    /// The beginning of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        match text.char_indices().nth(Self::CHARACTERS) {
            Some((end, _)) => Self { text: text.get(..end).unwrap_or_default().to_owned(), cut: true },
            None => Self { text: text.to_owned(), cut: false },
        }
    }
}

impl fmt::Display for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.text, if self.cut { "…" } else { "" })
    }
}

impl fmt::Debug for Excerpt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::Excerpt;
    use alloc::string::ToString;

    #[test]
    fn is_cut_and_cannot_break_a_line() {
        assert_eq!(Excerpt::new("a\r\nb\"c").to_string(), r#""a\r\nb\"c""#);
        let long = "é".repeat(Excerpt::CHARACTERS + 1);
        assert_eq!(Excerpt::new(&long).to_string().chars().count(), Excerpt::CHARACTERS + 3);
    }
}
