//! "Did you mean …?"

/// How alike two names must be (Jaro–Winkler, 0 to 1) for one to be suggested for the other: a transposition or a
/// dropped letter passes, another word of the same length does not.
const ALIKE: f64 = 0.85;

/// The candidate most like `text`, if any is alike enough.
#[must_use]
pub fn nearest<'a>(text: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(text, candidate), candidate))
        .filter(|(alike, _)| *alike >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let names = ["orders", "shop", "warehouse"];
        assert_eq!(nearest("odrers", names), Some("orders"));
        assert_eq!(nearest("shp", names), Some("shop"));
        assert_eq!(nearest("billing", names), None);
    }
}
