//! YAML to JSON: the parser's events in, one line of JSON and the way back out.

use std::collections::HashSet;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, StrInput};
use serde_json::Value;
use tessera_verifier::{Problem, limits};

use crate::{
    scalar::{self, Scalar},
    source::{Position, SourceMap, number},
};

/// Turns a text, nested no deeper than this, into JSON, or tells all that keeps it from being that.
pub(crate) fn convert(text: &str, depth: usize) -> Result<(String, SourceMap), Vec<Problem>> {
    let mut converter = Converter {
        parser: Parser::new_from_str(text),
        json: String::with_capacity(text.len()),
        column: 1,
        source: SourceMap::default(),
        place: String::new(),
        depth,
        problems: Vec::new(),
    };
    // Why it stopped is among the problems.
    let _ = converter.document();
    let Converter { json, source, mut problems, .. } = converter;
    if problems.is_empty() {
        return Ok((json, source));
    }
    problems.sort_by_key(|problem| (problem.line, problem.column));
    Err(problems)
}

/// Reading on makes no sense; the problem is noted.
struct Stop;

struct Converter<'t> {
    parser: Parser<'t, StrInput<'t>>,
    json: String,
    /// The column that is written next, in characters from 1.
    column: u32,
    source: SourceMap,
    /// The JSON Pointer to where reading is.
    place: String,
    /// The deepest nesting that is taken.
    depth: usize,
    problems: Vec<Problem>,
}

impl<'t> Converter<'t> {
    fn document(&mut self) -> Result<(), Stop> {
        let (mut event, mut at) = self.next()?;
        while matches!(event, Event::StreamStart | Event::DocumentStart(_)) {
            (event, at) = self.next()?;
        }
        if event == Event::StreamEnd {
            return Err(self.stop(at, "the file has no policy in it"));
        }
        self.value(event, at, 0)?;
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(_), at) => {
                    return Err(self.stop(at, "a second document begins here; a file is one policy"));
                }
                _ => {}
            }
        }
    }

    /// Writes a value, of which the first event is here.
    fn value(&mut self, event: Event<'t>, at: Position, depth: usize) -> Result<(), Stop> {
        self.source.note(self.column, at);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some())?;
                let scalar =
                    if style == ScalarStyle::Plain { scalar::resolve(&text) } else { Scalar::Text(&text) };
                match scalar {
                    Scalar::Null => self.write("null"),
                    Scalar::Bool(true) => self.write("true"),
                    Scalar::Bool(false) => self.write("false"),
                    Scalar::Number(number) => self.write(number),
                    Scalar::Text(text) => self.write(&quoted(text)),
                    Scalar::OtherNumber => {
                        let message = format!("`{text}` is a number in YAML and not in JSON");
                        self.problem(
                            at,
                            &message,
                            Some("write it in decimal, or in quotes if it is a text"),
                        )?;
                    }
                }
                Ok(())
            }
            Event::SequenceStart(anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some())?;
                self.deeper(at, depth)?;
                self.sequence(depth + 1)
            }
            Event::MappingStart(anchor, tag) => {
                self.refuse_properties(at, anchor, tag.is_some())?;
                self.deeper(at, depth)?;
                self.mapping(depth + 1)
            }
            Event::Alias(_) => self.problem(at, "aliases are not taken here", Some("write it out again")),
            // The parser says these between documents only.
            _ => Ok(()),
        }
    }

    fn sequence(&mut self, depth: usize) -> Result<(), Stop> {
        self.write("[");
        for index in 0_usize.. {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                break;
            }
            if index > 0 {
                self.write(",");
            }
            self.within(&index.to_string(), |converter| converter.value(event, at, depth))?;
        }
        self.write("]");
        Ok(())
    }

    fn mapping(&mut self, depth: usize) -> Result<(), Stop> {
        self.write("{");
        let mut names = HashSet::new();
        loop {
            let (event, at) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let name = self.name(event, at)?;
            if !names.is_empty() {
                self.write(",");
            }
            self.source.note(self.column, at);
            self.write(&quoted(&name));
            self.write(":");
            self.within(&name.replace('~', "~0").replace('/', "~1"), |converter| {
                if !names.insert(name.clone()) {
                    converter.problem(at, "this member is already there", None)?;
                }
                let (event, own) = converter.next()?;
                // A value that is not written out has no place of its own.
                let is_absent =
                    matches!(&event, Event::Scalar(text, ScalarStyle::Plain, ..) if text.is_empty());
                converter.value(event, if is_absent { at } else { own }, depth)
            })?;
        }
        self.write("}");
        Ok(())
    }

    /// The name of a member.
    fn name(&mut self, event: Event<'t>, at: Position) -> Result<String, Stop> {
        let Event::Scalar(text, style, anchor, tag) = event else {
            let message = match event {
                Event::Alias(_) => "aliases are not taken here",
                _ => "the name of a member is a text",
            };
            return Err(self.stop(at, message));
        };
        self.refuse_properties(at, anchor, tag.is_some())?;
        if style == ScalarStyle::Plain {
            if text == "<<" {
                self.problem(at, "merge keys are not taken here", Some("write the members out"))?;
            } else if !matches!(scalar::resolve(&text), Scalar::Text(_)) {
                let message = format!("the name of a member is a text, which `{text}` is only in quotes");
                self.problem(at, &message, None)?;
            }
        }
        Ok(text.into_owned())
    }

    fn refuse_properties(&mut self, at: Position, anchor: usize, has_tag: bool) -> Result<(), Stop> {
        if anchor > 0 {
            self.problem(at, "anchors are not taken here", None)?;
        }
        if has_tag {
            let suggestion = "leave it out; quotes make a text of anything";
            self.problem(at, "tags are not taken here", Some(suggestion))?;
        }
        Ok(())
    }

    fn deeper(&mut self, at: Position, depth: usize) -> Result<(), Stop> {
        if depth < self.depth { Ok(()) } else { Err(self.stop(at, "nested too deep")) }
    }

    /// The next event, and where it begins.
    fn next(&mut self) -> Result<(Event<'t>, Position), Stop> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(span.start))),
            Some(Err(error)) => Err(self.not_yaml(&error)),
            None => Err(Stop),
        }
    }

    fn not_yaml(&mut self, error: &ScanError) -> Stop {
        self.stop(position(*error.marker()), &format!("this is no YAML: {}", error.info()))
    }

    /// Does something one step further into the document.
    fn within(&mut self, step: &str, work: impl FnOnce(&mut Self) -> Result<(), Stop>) -> Result<(), Stop> {
        let length = self.place.len();
        self.place.push('/');
        self.place.push_str(step);
        let done = work(self);
        self.place.truncate(length);
        done
    }

    fn write(&mut self, text: &str) {
        self.json.push_str(text);
        self.column = self.column.saturating_add(number(text.chars().count()));
    }

    /// Notes a problem. Nobody reads on beyond so many.
    fn problem(&mut self, at: Position, message: &str, suggestion: Option<&str>) -> Result<(), Stop> {
        self.problems.push(Problem {
            pointer: self.place.clone(),
            line: at.line,
            column: at.column,
            message: message.to_owned(),
            suggestion: suggestion.map(str::to_owned),
        });
        if self.problems.len() < limits::POLICY_PROBLEMS { Ok(()) } else { Err(Stop) }
    }

    fn stop(&mut self, at: Position, message: &str) -> Stop {
        // It stops either way.
        let _ = self.problem(at, message, None);
        Stop
    }
}

fn position(mark: Marker) -> Position {
    Position { line: number(mark.line()), column: number(mark.col().saturating_add(1)) }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
