//! Foreign text in the log: no longer than it is worth.

/// Bytes of a reason that the log keeps. It may quote what the sender wrote: a parameter, an issuer and a subject.
pub(crate) const REASON_SHOWN: usize = 1024;

/// The beginning of `text`, whole characters of it, at most `length` bytes.
pub(crate) fn excerpt(text: &str, length: usize) -> &str {
    text.get(..text.floor_char_boundary(length)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_ends_before_a_character_that_does_not_fit() {
        assert_eq!(excerpt("short", 8), "short");
        assert_eq!(excerpt("exactly8", 8), "exactly8");
        assert_eq!(excerpt("longer text", 6), "longer");
        assert_eq!(excerpt("aaaaa\u{e9}aaaa", 6), "aaaaa");
        assert_eq!(excerpt("\u{1f600}", 3), "");
    }
}
