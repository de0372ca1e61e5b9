//! The little of Markdown (`CommonMark`) that the checks need: fences, headings, links.

/// A document taken apart. Lines are counted from 1.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Commands in fences marked `sh`, each on one line.
    pub(super) commands: Vec<(u32, String)>,
    /// The texts of fences marked `json`.
    pub(super) json: Vec<String>,
    /// Targets of links and images outside code.
    pub(super) links: Vec<(u32, String)>,
    /// Anchors of headings, as the usual renderers derive them.
    pub(super) anchors: Vec<String>,
    /// Fences that these checks would not see.
    pub(super) complaints: Vec<(u32, String)>,
}

/// An open fence (`CommonMark` §4.5): it ends at a line of at least as many of the same character.
struct Fence {
    opened: u32,
    mark: char,
    length: usize,
    language: String,
    body: Vec<(u32, String)>,
}

impl Document {
    pub(super) fn parse(text: &str) -> Self {
        let mut document = Self::default();
        let mut open: Option<Fence> = None;
        for (line, number) in text.lines().zip(1..) {
            match open.as_mut() {
                Some(fence) if fence.is_closed_by(line) => document.close(open.take()),
                Some(fence) => fence.body.push((number, line.trim().to_owned())),
                None => match Fence::opened_by(line, number) {
                    Some(fence) => open = Some(fence),
                    None => document.prose(line, number),
                },
            }
        }
        if let Some(fence) = &open {
            document.complaints.push((fence.opened, "this fence is never closed".to_owned()));
        }
        document.close(open);
        document
    }

    fn close(&mut self, fence: Option<Fence>) {
        let Some(fence) = fence else { return };
        match fence.language.as_str() {
            "sh" => self.commands.extend(commands(fence.body)),
            "json" => {
                self.json
                    .push(fence.body.into_iter().flat_map(|(_, line)| [line, "\n".to_owned()]).collect());
            }
            "bash" | "shell" | "console" | "zsh" => {
                let message =
                    format!("mark commands as `sh`, not `{}`, so that they are checked", fence.language);
                self.complaints.push((fence.opened, message));
            }
            _ => {}
        }
    }

    fn prose(&mut self, line: &str, number: u32) {
        let heading = line.trim_start_matches('#');
        if heading.len() < line.len() && heading.starts_with(' ') {
            self.anchors.push(anchor(heading));
        }
        let text = without_code_spans(line);
        self.links.extend(link_targets(&text).map(|target| (number, target)));
    }
}

impl Fence {
    fn opened_by(line: &str, number: u32) -> Option<Self> {
        let line = line.trim_start();
        let mark = line.chars().next().filter(|mark| matches!(mark, '`' | '~'))?;
        let info = line.trim_start_matches(mark);
        let length = line.len() - info.len();
        // Backticks after backticks are inline code.
        let language = info.split_whitespace().next().unwrap_or_default().to_owned();
        let fence = length >= 3 && !(mark == '`' && info.contains('`'));
        fence.then(|| Self { opened: number, mark, length, language, body: Vec::new() })
    }

    fn is_closed_by(&self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.length && line.chars().all(|c| c == self.mark)
    }
}

/// Shell lines as commands: comments dropped, continued lines joined, spaces made one.
fn commands(lines: Vec<(u32, String)>) -> Vec<(u32, String)> {
    let mut commands: Vec<(u32, String)> = Vec::new();
    let mut continued = false;
    for (number, line) in lines {
        let line = without_comment(&line);
        let (words, more) = match line.strip_suffix('\\') {
            Some(before) => (before, true),
            None => (line, false),
        };
        let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
        match commands.last_mut() {
            Some((_, command)) if continued => {
                command.push(' ');
                command.push_str(&words);
            }
            _ if !words.is_empty() => commands.push((number, words)),
            _ => {}
        }
        continued = more;
    }
    commands
}

/// A shell line up to its comment: a `#` that begins a word outside quotes.
fn without_comment(line: &str) -> &str {
    let (mut quote, mut before) = (None, ' ');
    for (at, c) in line.char_indices() {
        match quote {
            Some(open) if c == open => quote = None,
            None if matches!(c, '"' | '\'') => quote = Some(c),
            None if c == '#' && before.is_whitespace() => return line.split_at(at).0.trim_end(),
            _ => {}
        }
        before = c;
    }
    line.trim_end()
}

/// A line with the contents of its `code spans` blanked: a link in one is an example, not a link.
fn without_code_spans(line: &str) -> String {
    let pieces: Vec<_> = line.split('`').collect();
    let spans = pieces.len().saturating_sub(1) / 2;
    let kept = |at: usize| at.is_multiple_of(2) || at > spans * 2;
    pieces
        .iter()
        .enumerate()
        .filter(|(at, _)| kept(*at))
        .map(|(_, piece)| *piece)
        .collect::<Vec<_>>()
        .join("``")
}

/// Targets of `[text](target)`, `![text](target "title")` and `[label]: target`.
fn link_targets(line: &str) -> impl Iterator<Item = String> {
    let inline = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let definition =
        line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: ")).map(|(_, to)| to);
    let target =
        |text: &str| text.split_whitespace().next().map(|word| word.trim_matches(['<', '>']).to_owned());
    inline.chain(definition).filter_map(target).collect::<Vec<_>>().into_iter()
}

/// The anchor of a heading: lower case, punctuation dropped, spaces as hyphens.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    heading.trim().to_lowercase().chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commands_of(text: &str) -> Vec<(u32, String)> {
        Document::parse(text).commands
    }

    #[test]
    fn commands_come_from_sh_fences_only() {
        let text =
            "`sh`\n```sh\ncargo xtask demo\n```\n\n```text\nnot this\n```\n\n~~~~sh\nls\n~~~\nid\n~~~~\n";
        let expected = [(3, "cargo xtask demo"), (11, "ls"), (12, "~~~"), (13, "id")];
        assert_eq!(commands_of(text), expected.map(|(line, command)| (line, command.to_owned())));
    }

    #[test]
    fn comments_continuations_and_spaces_are_the_shells() {
        let text = "- a list\n  ```sh\n  # first\n  curl -i  \\\n    'http://h/#x'   # note\n\n  echo \"a # b\"\n  ```\n";
        let expected = [(4, "curl -i 'http://h/#x'"), (7, "echo \"a # b\"")];
        assert_eq!(commands_of(text), expected.map(|(line, command)| (line, command.to_owned())));
    }

    #[test]
    fn fences_that_would_escape_are_named() {
        let document = Document::parse("```bash\nls\n```\n```sh\nid\n");
        let lines: Vec<_> = document.complaints.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 4]);
        assert_eq!(document.commands, [(5, "id".to_owned())]);
    }

    #[test]
    fn links_are_found_outside_code() {
        let text = "[a](x.md) ![i](p.png \"t\") `[no](code.md)` [b](<y.md>)\n\n[ref]: z.md\n\n```text\n[c](d.md)\n```\n";
        let targets: Vec<_> = Document::parse(text).links.into_iter().map(|(_, target)| target).collect();
        assert_eq!(targets, ["x.md", "p.png", "y.md", "z.md"]);
    }

    #[test]
    fn headings_become_anchors() {
        let document = Document::parse("# One, two: `three`\n\n## Was Why_Not?\n#no heading\n");
        assert_eq!(document.anchors, ["one-two-three", "was-why_not"]);
    }
}
