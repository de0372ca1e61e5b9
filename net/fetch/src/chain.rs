//! An error for the log.

use std::error::Error;

/// `error` and what caused it, on one line, joined by `: `: each layer says its own part.
///
/// A cause counts with its first line only: what libraries put below it is a backtrace or an excerpt. Other parties' words
/// may be among the causes, so characters that move a cursor or turn the direction of text are escaped.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string().replace(['\n', '\r'], " ");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(error.to_string().lines().next().unwrap_or_default());
        cause = error.source();
    }
    if !text.contains(disturbs) {
        return text;
    }
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, character| {
        if disturbs(character) {
            escaped.extend(character.escape_unicode());
        } else {
            escaped.push(character);
        }
        escaped
    })
}

/// Control characters (C0, DEL and C1), and those that change the direction of the text around them (UAX #9 §2).
fn disturbs(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Layer {
        text: &'static str,
        source: Option<Box<Self>>,
    }

    fn layer(text: &'static str, source: Option<Layer>) -> Layer {
        Layer { text, source: source.map(Box::new) }
    }

    #[test]
    fn every_layer_is_said_once_on_one_line() {
        let bottom = layer("refused\n   0: backtrace", None);
        let error = layer("cannot start\ntoday", Some(layer("no address", Some(bottom))));
        assert_eq!(chain(&error), "cannot start today: no address: refused");
        assert_eq!(chain(&layer("alone", None)), "alone");
    }

    #[test]
    fn what_would_disturb_a_log_is_escaped() {
        let error = layer("said", Some(layer("ü\u{9b}31m \u{202e}kab\x1b", None)));
        assert_eq!(chain(&error), r"said: ü\u{9b}31m \u{202e}kab\u{1b}");
    }
}
