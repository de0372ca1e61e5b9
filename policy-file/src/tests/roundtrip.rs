//! JSON, written as YAML in all the ways that people write it, is the same JSON again.

use std::fmt::Write as _;

use super::*;

/// Texts that YAML could take for something else, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z/:.*#\\-]{0,12}",
        "\\PC{0,12}",
        "[ -~\\n\\t\\r\u{0}\u{7f}\u{85}\u{a0}\u{2028}\u{feff}\u{1f600}]{0,12}",
        prop::sample::select(vec![
            "no", "true", "null", "~", "1", "0x1", "1e3", ".inf", "<<", "- a", "a: b", "!x", "&x", "*x"
        ])
        .prop_map(str::to_owned),
    ]
}

fn document() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_filter_map("JSON has finite numbers only", |number| {
            serde_json::Number::from_f64(number).map(Value::from)
        }),
        text().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::hash_map(text(), inner, 0..5).prop_map(|members| members.into_iter().collect()),
        ]
    })
    // A document that begins with a brace is JSON.
    .prop_map(|value| json!([value]))
}

/// Writes YAML, choosing among its styles by a sequence of numbers.
struct Writer<'c> {
    yaml: String,
    choices: std::iter::Cycle<std::slice::Iter<'c, u8>>,
}

impl Writer<'_> {
    fn choose(&mut self, among: u8) -> u8 {
        self.choices.next().unwrap() % among
    }

    fn block(&mut self, value: &Value, indent: usize) {
        let space = " ".repeat(indent);
        match value {
            Value::Array(elements) if !elements.is_empty() && self.choose(3) > 0 => {
                for element in elements {
                    write!(self.yaml, "\n{space}-").unwrap();
                    self.block(element, indent + 2);
                }
            }
            Value::Object(members) if !members.is_empty() && self.choose(3) > 0 => {
                for (name, member) in members {
                    write!(self.yaml, "\n{space}").unwrap();
                    self.text(name);
                    self.yaml.push_str(" :");
                    self.block(member, indent + 1);
                }
            }
            other => {
                self.yaml.push(' ');
                self.flow(other);
                if self.choose(4) == 0 {
                    self.yaml.push_str(" # said: [in] passing");
                }
            }
        }
    }

    fn flow(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(elements) => {
                self.yaml.push('[');
                for element in elements {
                    self.flow(element);
                    self.yaml.push_str(", ");
                }
                self.yaml.push(']');
            }
            Value::Object(members) => {
                self.yaml.push_str("{ ");
                for (name, member) in members {
                    self.text(name);
                    self.yaml.push_str(" : ");
                    self.flow(member);
                    self.yaml.push_str(", ");
                }
                self.yaml.push('}');
            }
            other => self.yaml.push_str(&other.to_string()),
        }
    }

    fn text(&mut self, text: &str) {
        let is_printable = text.chars().all(|c| matches!(c, ' '..='~' | '\u{a1}'..='\u{2027}' | '\u{1f600}'));
        let is_word = text.starts_with(|c: char| c.is_ascii_lowercase())
            && text.chars().all(|c| matches!(c, 'a'..='z' | '/' | '.' | '*'))
            && !matches!(text, "true" | "false" | "null");
        match self.choose(3) {
            0 if is_word => self.yaml.push_str(text),
            1 if is_printable => write!(self.yaml, "'{}'", text.replace('\'', "''")).unwrap(),
            _ => {
                self.yaml.push('"');
                for c in text.chars() {
                    match c {
                        '"' | '\\' => write!(self.yaml, "\\{c}").unwrap(),
                        ' '..='~' => self.yaml.push(c),
                        _ => write!(self.yaml, "\\U{:08x}", u32::from(c)).unwrap(),
                    }
                }
                self.yaml.push('"');
            }
        }
    }
}

proptest! {
    #[test]
    fn json_written_as_yaml_is_the_same_json(value in document(), choices in prop::collection::vec(any::<u8>(), 1..60)) {
        let mut writer = Writer { yaml: String::new(), choices: choices.iter().cycle() };
        writer.block(&value, 0);
        let file = match PolicyFile::parse(&writer.yaml) {
            Ok(file) => file,
            Err(problems) => return Err(TestCaseError::fail(format!("{}\n{problems:?}", writer.yaml))),
        };
        prop_assert_eq!(file.json(), value.to_string(), "{}", writer.yaml);
    }
}
