//! The changes that no test has to notice, each with a reason.

/// The names of changes, without their places: those move with every edit. A name stands as often as there are
/// such changes.
#[derive(Debug)]
pub(super) struct Accepted(Vec<String>);

impl Accepted {
    /// Reads a list: a reason in lines that start with `#`, the changes it is for below, an empty line after them.
    /// The error is the number of a line without a reason.
    pub(super) fn read(text: &str) -> Result<Self, usize> {
        let (mut names, mut reason) = (Vec::new(), false);
        for (number, line) in text.lines().enumerate() {
            match line.trim() {
                "" => reason = false,
                comment if comment.starts_with('#') => reason = true,
                name if reason => names.push(name.to_owned()),
                _ => return Err(number + 1),
            }
        }
        Ok(Self(names))
    }

    /// Whether a change is accepted; each line of the list accepts one.
    pub(super) fn take(&mut self, name: &str) -> bool {
        let place = self.0.iter().position(|own| own == name);
        place.map(|place| self.0.swap_remove(place)).is_some()
    }
}

/// `FILE: CHANGE`, without line and column.
pub(super) fn without_place(name: &str) -> String {
    let Some((file, rest)) = name.split_once(".rs:") else { return name.to_owned() };
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
    format!("{file}.rs:{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_accepts_one_change_wherever_it_stands() {
        let mut accepted = Accepted::read("# Because.\na.rs: replace > with == in f\n").unwrap();
        let name = without_place("a.rs:71:24: replace > with == in f");
        assert_eq!([accepted.take(&name), accepted.take(&name)], [true, false]);
    }

    #[test]
    fn a_change_needs_a_reason() {
        assert_eq!(Accepted::read("# Because.\na.rs: x\n\nb.rs: y\n").unwrap_err(), 4);
    }
}
