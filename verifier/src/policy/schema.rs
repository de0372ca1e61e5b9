//! The JSON Schema of the policy document, written from its grammar.

use alloc::{
    format,
    string::{String, ToString},
    vec::Vec,
};

use serde_json::{Map, Value, json};

use super::{
    POLICY,
    grammar::{Choice, Fields, Member, Number, Shape, TextSchema},
};
use crate::limits;

/// The JSON Schema (draft 2020-12) of the policy document, indented, with a line feed at its end.
///
/// It says what it has words for: a document that it accepts can still be refused for a contradiction.
#[must_use]
pub fn policy_schema() -> String {
    let mut writer = Writer::default();
    let Value::Object(policy) = writer.fields(&POLICY) else { return String::new() };
    let mut schema = Map::new();
    schema.insert("$schema".to_string(), "https://json-schema.org/draft/2020-12/schema".into());
    schema.insert("title".to_string(), "Tessera verifier policy".into());
    schema.extend(policy);
    schema.insert("$defs".to_string(), Value::Object(writer.definitions));
    // A map of texts is always JSON.
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

/// The definitions that were needed so far.
#[derive(Default)]
struct Writer {
    definitions: Map<String, Value>,
}

impl Writer {
    fn shape(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Object(fields) => self.reference(fields),
            Shape::List(of) => {
                json!({ "type": "array", "items": self.shape(of), "minItems": 1, "uniqueItems": true })
            }
            Shape::Path => json!({ "type": "array", "items": text(TextSchema::Any), "minItems": 1 }),
            Shape::Text(rule) => text(rule.schema),
            Shape::Number(Number { min, max, default, .. }) => {
                json!({ "type": "integer", "minimum": min, "maximum": max, "default": default })
            }
            Shape::Flag => json!({ "type": "boolean" }),
            Shape::True => json!({ "const": true }),
            Shape::Scalar => {
                let most = limits::NUMERIC_DATE_MAX.cast_signed();
                json!({ "anyOf": [
                    { "type": "string" },
                    { "type": "boolean" },
                    { "type": "integer", "minimum": -most, "maximum": most },
                ] })
            }
            Shape::KeySet => json!({
                "type": "object",
                "properties": { "keys": { "type": "array", "items": { "type": "object" }, "minItems": 1 } },
                "required": ["keys"],
            }),
            Shape::Either(shapes) => {
                let shapes: Vec<Value> = shapes.iter().map(|shape| self.shape(shape)).collect();
                json!({ "anyOf": shapes })
            }
        }
    }

    /// A definition by its name, since requirements hold requirements.
    fn reference(&mut self, fields: &Fields) -> Value {
        let name = fields.name.to_ascii_lowercase();
        let reference = json!({ "$ref": format!("#/$defs/{name}") });
        if !self.definitions.contains_key(&name) {
            self.definitions.insert(name.clone(), Value::Null);
            let definition = self.fields(fields);
            self.definitions.insert(name, definition);
        }
        reference
    }

    fn fields(&mut self, fields: &Fields) -> Value {
        let mut properties = Map::new();
        for Member { name, about, shape, .. } in fields.members() {
            let mut property = Map::new();
            property.insert("description".to_string(), about.trim().into());
            if let Value::Object(shape) = self.shape(shape) {
                property.extend(shape);
            }
            properties.insert((*name).to_string(), Value::Object(property));
        }
        let required: Vec<&str> =
            fields.members().filter(|member| member.required).map(|member| member.name).collect();
        let mut schema = json!({
            "description": fields.about.trim(),
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        });
        let choices: Vec<Value> = fields.choices.iter().map(choice).collect();
        if let Some(schema) = schema.as_object_mut() {
            if required.is_empty() {
                schema.remove("required");
            }
            if !choices.is_empty() {
                schema.insert("allOf".to_string(), choices.into());
            }
        }
        schema
    }
}

/// Members of which one excludes the others.
fn choice(choice: &Choice) -> Value {
    let one = |name: &&str| json!({ "required": [name] });
    let mut ways: Vec<Value> = choice.names.iter().map(one).collect();
    if !choice.required {
        ways.push(json!({ "not": { "anyOf": choice.names.iter().map(one).collect::<Vec<_>>() } }));
    }
    json!({ "oneOf": ways })
}

fn text(rule: TextSchema) -> Value {
    let (longest, kind) = (limits::IDENTIFIER_BYTES, "string");
    match rule {
        TextSchema::Any => json!({ "type": kind, "minLength": 1, "maxLength": longest }),
        TextSchema::Pattern(pattern) => {
            json!({ "type": kind, "minLength": 1, "maxLength": longest, "pattern": pattern })
        }
        TextSchema::Format(format) => {
            json!({ "type": kind, "minLength": 1, "maxLength": longest, "format": format })
        }
        TextSchema::Words(words) => json!({ "enum": words() }),
    }
}
