//! The guide, read for its examples.

/// A policy and what is said of it.
pub(crate) struct Example {
    /// Where it stands in the guide.
    pub(crate) line: usize,
    pub(crate) yaml: String,
    pub(crate) rows: Vec<Row>,
    /// What is told about it, if it is no good policy.
    pub(crate) problems: Option<String>,
}

/// A line of a table: a request, the token in it, and the answer.
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) request: Cell,
    pub(crate) token: Cell,
    pub(crate) answer: Cell,
}

/// A cell: words, and code between them.
pub(crate) struct Cell {
    pub(crate) words: String,
    pub(crate) code: Vec<String>,
}

pub(crate) fn examples(guide: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut lines = guide.lines().zip(1..);
    while let Some((line, number)) = lines.next() {
        let mut fenced = || -> String {
            lines
                .by_ref()
                .map(|(line, _)| line)
                .take_while(|line| *line != "```")
                .flat_map(|line| [line, "\n"])
                .collect()
        };
        if line == "```yaml" {
            let yaml = fenced();
            examples.push(Example { line: number, yaml, rows: Vec::new(), problems: None });
        } else if line == "```text" {
            examples.last_mut().expect("a policy stands before what is told about it").problems =
                Some(fenced());
        } else if line.starts_with("| `") {
            let cells: Vec<Cell> = line.trim_matches('|').split('|').map(Cell::read).collect();
            let [request, token, answer] =
                cells.try_into().unwrap_or_else(|_| panic!("line {number} has not three cells"));
            let example = examples.last_mut().expect("a policy stands before its requests");
            example.rows.push(Row { line: number, request, token, answer });
        }
    }
    examples
}

impl Cell {
    fn read(text: &str) -> Self {
        let mut cell = Self { words: String::new(), code: Vec::new() };
        for (at, piece) in text.split('`').enumerate() {
            if at % 2 == 0 {
                cell.words.push_str(piece);
            } else {
                cell.code.push(piece.to_owned());
            }
        }
        cell.words = cell.words.trim_matches([' ', ',']).to_owned();
        cell
    }
}
