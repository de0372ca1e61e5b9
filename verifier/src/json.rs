//! Strict JSON (RFC 8259), read into a tree that borrows from its text and remembers places.
//!
//! Stricter than most parsers where leniency has cost others: a member name may appear once in an
//! object, however it is spelled (RFC 8259 §4 leaves that open, RFC 7515 §4 and RFC 7519 §4 do not), a
//! lone surrogate is an error, nothing may follow the value, and nesting and members are bounded.

use alloc::{borrow::Cow, string::String, vec::Vec};
use core::fmt;

use crate::limits;

/// The bounds of one kind of document.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// The longest text, in bytes.
    pub(crate) bytes: usize,
    /// The deepest nesting.
    pub(crate) depth: usize,
    /// The most elements of an array. Objects are bounded by [`limits::OBJECT_MEMBERS`].
    pub(crate) elements: usize,
}

/// A value and the byte offset at which it starts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Node<'a> {
    pub(crate) at: usize,
    pub(crate) value: Value<'a>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<'a> {
    Null,
    Bool(bool),
    /// The number as it is written: whoever wants a number says which kind.
    Number(&'a str),
    String(Cow<'a, str>),
    Array(Vec<Node<'a>>),
    Object(Object<'a>),
}

/// The members of an object, in the order of the text, each name once.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Object<'a> {
    /// The byte offset at which it starts.
    pub(crate) at: usize,
    members: Vec<Member<'a>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Member<'a> {
    /// The byte offset of the name.
    pub(crate) at: usize,
    pub(crate) name: Cow<'a, str>,
    pub(crate) value: Node<'a>,
}

/// Why a text is not acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JsonError {
    /// The byte offset at which it went wrong.
    pub at: usize,
    /// What is wrong there.
    pub fault: JsonFault,
}

/// The ways in which a text fails to be acceptable JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// The text is longer than its kind may be.
    TooLong,
    /// Arrays and objects are nested deeper than their kind may be.
    TooDeep,
    /// An object or array has more entries than its kind may have.
    TooManyMembers,
    /// The object already has a member of this name.
    DuplicateMember,
    /// A character that cannot stand here.
    Unexpected,
    /// The text ends inside a value.
    UnexpectedEnd,
    /// A control character inside a string (RFC 8259 §7 wants it escaped).
    ControlCharacter,
    /// An escape that JSON does not have, or half of a surrogate pair.
    BadEscape,
    /// A number that does not follow the grammar (RFC 8259 §6).
    BadNumber,
    /// Something follows the value.
    Trailing,
}

impl fmt::Display for JsonFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            JsonFault::TooLong => "too long",
            JsonFault::TooDeep => "nested too deep",
            JsonFault::TooManyMembers => "too many members",
            JsonFault::DuplicateMember => "a member appears twice",
            JsonFault::Unexpected => "unexpected character",
            JsonFault::UnexpectedEnd => "ends too early",
            JsonFault::ControlCharacter => "control character in a string",
            JsonFault::BadEscape => "bad escape in a string",
            JsonFault::BadNumber => "bad number",
            JsonFault::Trailing => "something follows the value",
        })
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.fault, self.at)
    }
}

impl core::error::Error for JsonError {}

/// Reads one JSON value that is the whole text.
pub(crate) fn parse(text: &str, bounds: Bounds) -> Result<Node<'_>, JsonError> {
    if text.len() > bounds.bytes {
        return Err(JsonError { at: bounds.bytes, fault: JsonFault::TooLong });
    }
    let mut parser = Parser { text, at: 0, bounds };
    parser.skip_space();
    let node = parser.value(0)?;
    parser.skip_space();
    match parser.peek() {
        None => Ok(node),
        Some(_) => Err(parser.error(JsonFault::Trailing)),
    }
}

impl<'a> Node<'a> {
    /// An element of an array that is a member of this object; this node itself, if there is none.
    pub(crate) fn element(&self, member: &str, index: usize) -> &Self {
        let Value::Object(object) = &self.value else { return self };
        match object.get(member).map(|node| &node.value) {
            Some(Value::Array(elements)) => elements.get(index).unwrap_or(self),
            _ => self,
        }
    }

    pub(crate) fn as_text(&self) -> Option<&str> {
        match &self.value {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// The elements of an array; none of any other value.
    pub(crate) fn elements(&self) -> &[Self] {
        match &self.value {
            Value::Array(elements) => elements,
            _ => &[],
        }
    }

    pub(crate) fn as_object(&self) -> Option<&Object<'a>> {
        match &self.value {
            Value::Object(object) => Some(object),
            _ => None,
        }
    }
}

impl Value<'_> {
    /// What to call this value when another kind was wanted.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::String(_) => "a string",
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
        }
    }
}

impl<'a> Object<'a> {
    pub(crate) fn get(&self, name: &str) -> Option<&Node<'a>> {
        self.iter().find(|member| member.name == name).map(|member| &member.value)
    }

    /// A member that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Node::as_text)
    }

    pub(crate) fn iter(&self) -> core::slice::Iter<'_, Member<'a>> {
        self.members.iter()
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    bounds: Bounds,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self, fault: JsonFault) -> JsonError {
        JsonError { at: self.at, fault }
    }

    /// The error for a character that cannot stand here, which may be the end of the text.
    fn unexpected(&self) -> JsonError {
        self.error(if self.peek().is_some() { JsonFault::Unexpected } else { JsonFault::UnexpectedEnd })
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn expect(&mut self, byte: u8) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(())
    }

    /// The text between two offsets. Both are always where a character starts, since the parser only
    /// ever stops at ASCII; should that be wrong, the text is refused.
    fn slice(&self, from: usize, to: usize) -> Result<&'a str, JsonError> {
        self.text.get(from..to).ok_or(JsonError { at: from, fault: JsonFault::Unexpected })
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, JsonError> {
        let at = self.at;
        let value = match self.peek() {
            Some(b'{') => Value::Object(self.object(depth)?),
            Some(b'[') => Value::Array(self.array(depth)?),
            Some(b'"') => Value::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Value::Number(self.number()?),
            Some(b't') => self.literal("true", Value::Bool(true))?,
            Some(b'f') => self.literal("false", Value::Bool(false))?,
            Some(b'n') => self.literal("null", Value::Null)?,
            _ => return Err(self.unexpected()),
        };
        Ok(Node { at, value })
    }

    fn literal(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, JsonError> {
        for byte in word.bytes() {
            self.expect(byte)?;
        }
        Ok(value)
    }

    fn enter(&mut self, depth: usize) -> Result<(), JsonError> {
        if depth >= self.bounds.depth {
            return Err(self.error(JsonFault::TooDeep));
        }
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn array(&mut self, depth: usize) -> Result<Vec<Node<'a>>, JsonError> {
        self.enter(depth)?;
        let mut elements = Vec::new();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(elements);
        }
        loop {
            if elements.len() >= self.bounds.elements {
                return Err(self.error(JsonFault::TooManyMembers));
            }
            elements.push(self.value(depth + 1)?);
            if self.ends(b']')? {
                return Ok(elements);
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Object<'a>, JsonError> {
        let start = self.at;
        self.enter(depth)?;
        let mut members: Vec<Member<'a>> = Vec::new();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Object { at: start, members });
        }
        loop {
            if members.len() >= limits::OBJECT_MEMBERS {
                return Err(self.error(JsonFault::TooManyMembers));
            }
            let at = self.at;
            let name = self.string()?;
            if members.iter().any(|member| member.name == name) {
                return Err(JsonError { at, fault: JsonFault::DuplicateMember });
            }
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            let value = self.value(depth + 1)?;
            members.push(Member { at, name, value });
            if self.ends(b'}')? {
                return Ok(Object { at: start, members });
            }
        }
    }

    /// After an entry: the closing bracket (true), or a comma and the start of the next entry.
    fn ends(&mut self, close: u8) -> Result<bool, JsonError> {
        self.skip_space();
        match self.peek() {
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(true)
            }
            Some(b',') => {
                self.at += 1;
                self.skip_space();
                Ok(false)
            }
            _ => Err(self.unexpected()),
        }
    }

    fn number(&mut self) -> Result<&'a str, JsonError> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err(self.error(JsonFault::BadNumber));
        }
        self.slice(start, self.at)
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.error(JsonFault::BadNumber)) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<Cow<'a, str>, JsonError> {
        self.expect(b'"')?;
        let start = self.at;
        self.plain_run();
        if self.peek() == Some(b'"') {
            let text = self.slice(start, self.at)?;
            self.at += 1;
            return Ok(Cow::Borrowed(text));
        }
        let mut text = String::from(self.slice(start, self.at)?);
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(Cow::Owned(text));
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(_) => return Err(self.error(JsonFault::ControlCharacter)),
                None => return Err(self.error(JsonFault::UnexpectedEnd)),
            }
            let run = self.at;
            self.plain_run();
            text.push_str(self.slice(run, self.at)?);
        }
    }

    /// Passes over characters that stand for themselves in a string.
    fn plain_run(&mut self) {
        while matches!(self.peek(), Some(byte) if byte >= 0x20 && byte != b'"' && byte != b'\\') {
            self.at += 1;
        }
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let bad = self.error(JsonFault::BadEscape);
        self.expect(b'\\')?;
        let Some(byte) = self.peek() else { return Err(self.error(JsonFault::UnexpectedEnd)) };
        self.at += 1;
        Ok(match byte {
            b'"' | b'\\' | b'/' => char::from(byte),
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.hex4(bad)?;
                let point = match first {
                    0xd800..=0xdbff => {
                        if self.peek() != Some(b'\\') {
                            return Err(bad);
                        }
                        self.at += 1;
                        if self.peek() != Some(b'u') {
                            return Err(bad);
                        }
                        self.at += 1;
                        let second = self.hex4(bad)?;
                        if !(0xdc00..=0xdfff).contains(&second) {
                            return Err(bad);
                        }
                        0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                    }
                    point => point,
                };
                // The low half of a pair, alone, is no character and ends here.
                char::from_u32(point).ok_or(bad)?
            }
            _ => return Err(bad),
        })
    }

    fn hex4(&mut self, bad: JsonError) -> Result<u32, JsonError> {
        let mut value = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| char::from(byte).to_digit(16)).ok_or(bad)?;
            value = value << 4 | digit;
            self.at += 1;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests;
