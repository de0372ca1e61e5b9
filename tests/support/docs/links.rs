//! Relative links in Markdown: each leads to a file or folder of the repository, and each anchor to a heading.

use std::{
    fs,
    path::{Component, Path, PathBuf},
};

use super::markdown::Document;

/// The links of `document`, which is `file` in the repository at `root`, that lead nowhere.
pub(super) fn broken(root: &Path, file: &Path, document: &Document) -> impl Iterator<Item = (u32, String)> {
    document.links.iter().filter_map(move |(line, target)| {
        let problem = follow(root, file, document, target).err()?;
        Some((*line, format!("the link to `{target}` {problem}")))
    })
}

fn follow(root: &Path, file: &Path, document: &Document, target: &str) -> Result<(), &'static str> {
    if is_elsewhere(target) {
        return Ok(());
    }
    let (path, anchor) = target.split_once('#').map_or((target, None), |(path, anchor)| (path, Some(anchor)));
    if path.is_empty() {
        return anchor.map_or(Ok(()), |anchor| has_anchor(document, anchor));
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let to = within(&folder.join(path)).ok_or("leaves the repository")?;
    if !root.join(&to).exists() {
        return Err("leads to no file");
    }
    match anchor {
        Some(anchor) if to.extension().is_some_and(|extension| extension == "md") => {
            let text =
                fs::read_to_string(root.join(&to)).map_err(|_| "leads to a file that cannot be read")?;
            has_anchor(&Document::parse(&text), anchor)
        }
        _ => Ok(()),
    }
}

fn has_anchor(document: &Document, anchor: &str) -> Result<(), &'static str> {
    document.anchors.iter().any(|known| known == anchor).then_some(()).ok_or("leads to no heading")
}

/// Whether a link has a scheme (RFC 3986 §3.1), and so is not ours to follow.
fn is_elsewhere(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    scheme.is_some_and(|scheme| {
        scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
    })
}

/// A path with its `..` resolved, unless they lead above where it starts.
fn within(path: &Path) -> Option<PathBuf> {
    let mut resolved = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => resolved.pop().then_some(())?,
            Component::CurDir => {}
            Component::Normal(name) => resolved.push(name),
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(resolved)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_files_and_headings_of_the_repository() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("docs")).unwrap();
        fs::write(root.path().join("README.md"), "# The story\n").unwrap();
        let file = Path::new("docs/a.md");
        let document = Document::parse("# Here\n");
        let follow = |target: &str| follow(root.path(), file, &document, target);
        assert_eq!(follow("../README.md"), Ok(()));
        assert_eq!(follow("../README.md#the-story"), Ok(()));
        assert_eq!(follow("#here"), Ok(()));
        assert_eq!(follow("https://www.rfc-editor.org/rfc/rfc9068"), Ok(()));
        assert_eq!(follow("../README.md#a-lie"), Err("leads to no heading"));
        assert_eq!(follow("#there"), Err("leads to no heading"));
        assert_eq!(follow("b.md"), Err("leads to no file"));
        assert_eq!(follow("../../other/README.md"), Err("leaves the repository"));
    }
}
