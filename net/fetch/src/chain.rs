//! An error for the log.

use std::error::Error;

/// `error` and what caused it, on one line, joined by `: `: each layer says its own part.
///
/// A cause counts with its first line only: what libraries put below it is a backtrace or an excerpt.
#[must_use]
pub fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string().replace(['\n', '\r'], " ");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(error.to_string().lines().next().unwrap_or_default());
        cause = error.source();
    }
    text
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

    #[test]
    fn every_layer_is_said_once_on_one_line() {
        let cause = |text, source: Option<Layer>| Layer { text, source: source.map(Box::new) };
        let bottom = cause("refused\n   0: backtrace", None);
        let error = cause("cannot start\ntoday", Some(cause("no address", Some(bottom))));
        assert_eq!(chain(&error), "cannot start today: no address: refused");
        assert_eq!(chain(&cause("alone", None)), "alone");
    }
}
