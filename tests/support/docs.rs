//! What the project's documents promise, read from their Markdown: commands to type, links to follow, and no trace
//! of the machine that they were written on.

mod commands;
mod links;
mod markdown;

use std::{
    collections::BTreeSet,
    fmt, fs, io,
    path::{Path, PathBuf},
};

pub use self::commands::{COMMANDS, Documented, Proof};

/// Something in a document that does not hold, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, relative to the repository's root.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: u32,
    /// What is wrong, and what would mend it.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.message)
    }
}

/// Reads the given files of the repository at `root` and returns everything that does not hold in them.
///
/// `files` are relative to `root`. Markdown files are read for commands and links, all of them for home folders.
pub fn check(root: &Path, files: &[PathBuf]) -> io::Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let mut promised = BTreeSet::new();
    for file in files {
        // A binary file has no lines to point at, and a deleted one nothing to read.
        let Ok(text) = String::from_utf8(read(&root.join(file))?) else { continue };
        let place = |(line, message)| Finding { file: file.clone(), line, message };
        findings.extend(home_folders(&text).map(place));
        if file.extension().is_some_and(|extension| extension == "md") {
            let document = markdown::Document::parse(&text);
            findings.extend(document.complaints.iter().cloned().map(place));
            findings.extend(links::broken(root, file, &document).map(place));
            findings.extend(document.commands.iter().filter_map(|(line, command)| {
                promised.insert(command.clone());
                let message =
                    format!("no test runs `{command}`; add it to COMMANDS in tests/support/docs/commands.rs");
                (!commands::is_proven(command)).then(|| place((*line, message)))
            }));
        }
    }
    findings.extend(COMMANDS.iter().filter(|known| !promised.contains(known.command)).map(|known| Finding {
        file: PathBuf::from("tests/support/docs/commands.rs"),
        line: known.line,
        message: format!("no document names `{}` any more; take it out of COMMANDS", known.command),
    }));
    Ok(findings)
}

/// The JSON examples in a document (Markdown), in their order.
#[must_use]
pub fn json_examples(document: &str) -> Vec<String> {
    markdown::Document::parse(document).json
}

/// A file's bytes; of one that is gone from the work tree, none.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    match fs::read(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::IsADirectory) => {
            Ok(Vec::new())
        }
        read => read,
    }
}

/// Lines with the path of somebody's home folder in them.
fn home_folders(text: &str) -> impl Iterator<Item = (u32, String)> {
    // Put together here, or this file would be its own finding.
    const HOMES: [&str; 3] = [concat!("/", "home/"), concat!("/", "Users/"), concat!("/", "root/")];
    text.lines().zip(1..).filter_map(|(line, number)| {
        let home = HOMES.iter().find(|home| line.contains(**home))?;
        Some((
            number,
            format!("an absolute path below {home}: name the folder relative to something portable"),
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_folder_is_found_with_its_line() {
        let text = format!("fine\ncd {}someone/src\n", concat!("/", "home/"));
        let found: Vec<_> = home_folders(&text).map(|(line, _)| line).collect();
        assert_eq!(found, [2]);
    }

    #[test]
    fn unknown_commands_and_dead_links_are_found_where_they_stand() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a.md"), "# A\n\n```sh\nno-such-command\n```\n\n[gone](b.md)\n").unwrap();
        let findings = check(root.path(), &[PathBuf::from("a.md"), PathBuf::from("deleted.md")]).unwrap();
        let places: Vec<_> = findings
            .iter()
            .filter(|f| f.file == Path::new("a.md"))
            .map(|f| (f.line, f.message.as_str()))
            .collect();
        assert!(
            places.iter().any(|(line, message)| *line == 4 && message.contains("`no-such-command`")),
            "{places:?}"
        );
        assert!(places.iter().any(|(line, message)| *line == 7 && message.contains("b.md")), "{places:?}");
        assert_eq!(places.len(), 2, "{places:?}");
    }
}
