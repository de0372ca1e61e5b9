//! What somebody may have meant.

use alloc::{format, string::String, vec::Vec};

/// "did you mean …?", for a word close to one of those that are known.
pub(super) fn did_you_mean(word: &str, known: &[&str]) -> Option<String> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= (candidate.len() / 3).max(1))
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// How many characters have to be inserted, deleted or replaced to get from one word to the other;
/// case, and `-` for `_`, do not count.
fn distance(from: &str, to: &str) -> usize {
    let normal = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let to: Vec<char> = to.chars().map(normal).collect();
    // One row of the usual table; a word that is no word of ours need not be compared to its end.
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().map(normal).take(64).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&to) {
            let above = *cell;
            left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            diagonal = above;
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_edits() {
        for (a, b, expected) in
            [("issuer", "issuers", 1), ("Jwks-Uri", "jwks_uri", 0), ("", "abc", 3), ("kitten", "sitting", 3)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
            assert_eq!(distance(b, a), expected, "{b} {a}");
        }
    }

    #[test]
    fn suggests_only_what_is_close() {
        let known = ["issuers", "audiences", "routes"];
        assert_eq!(did_you_mean("issuer", &known).unwrap(), "did you mean `issuers`?");
        assert_eq!(did_you_mean("rotes", &known).unwrap(), "did you mean `routes`?");
        assert_eq!(did_you_mean("listen", &known), None);
    }
}
