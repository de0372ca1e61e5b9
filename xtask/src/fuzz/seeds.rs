//! Inputs to start from, out of the conformance corpus: each target gets what it reads of every case.

use std::{
    collections::{BTreeSet, HashSet},
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::{Target, folder, home};
use crate::{
    context::{Context, create_folder, refused},
    failure::Failure,
};

/// The ways in which the target for signatures changes one before it compares the verdicts: see its `twist`.
const TWISTS: u8 = 88;

/// Seeds, and the words that they are made of.
struct Seeds<'c> {
    cx: &'c Context,
    words: BTreeSet<String>,
    /// The algorithms of which there is a signature with every twist.
    twisted: BTreeSet<String>,
    /// What was written: many cases have the same policy, and the same keys.
    written: HashSet<(Target, String)>,
}

/// The dictionary of all targets.
pub(super) fn dictionary(cx: &Context) -> PathBuf {
    home(cx).join("words.dict")
}

/// Writes the seeds of all targets.
pub(super) fn write(cx: &Context) -> Result<String, Failure> {
    let mut seeds = Seeds { cx, words: BTreeSet::new(), twisted: BTreeSet::new(), written: HashSet::new() };
    for target in [
        Target::Token,
        Target::Jwks,
        Target::Policy,
        Target::Request,
        Target::Signatures,
        Target::Json,
        Target::Status,
    ] {
        let folder = folder(cx, "seeds", &target.name());
        // Those of an older corpus would stay for ever.
        drop(fs::remove_dir_all(&folder));
        create_folder(&folder)?;
    }
    let vectors = cx.root.join("tests").join("vectors");
    for file in jsonl(&vectors.join("cases"))?.into_iter().chain(jsonl(&vectors.join("signatures"))?) {
        let text = fs::read_to_string(&file).map_err(|error| refused("read", &file, error))?;
        for line in text.lines() {
            seeds.case(&serde_json::from_str(line).unwrap_or_default())?;
        }
    }
    // `$` is a good token to the targets that need one.
    seeds.write(Target::Token, "good", "$")?;
    seeds.write(Target::Request, "good", "GET orders.example /orders/1\nauthorization: Bearer $")?;
    let words: Vec<String> = seeds.words.iter().map(|word| format!("{word:?}\n")).collect();
    let path = dictionary(cx);
    fs::write(&path, words.concat()).map_err(|error| refused("write", &path, error))?;
    Ok(format!("{} inputs", seeds.written.len()))
}

fn jsonl(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| refused("read", folder, error))?;
    let files = entries.filter_map(|entry| Some(entry.ok()?.path()));
    Ok(files.filter(|path| path.extension().is_some_and(|own| own == "jsonl")).collect())
}

impl Seeds<'_> {
    fn case(&mut self, case: &Value) -> Result<(), Failure> {
        let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default();
        let id = text("id");
        let mut words = BTreeSet::new();
        collect_names(case, &mut words);
        self.words.extend(words);
        if let Some(policy) = case.get("policy") {
            let policy = document(policy);
            self.write(Target::Policy, id, &policy)?;
            self.write(Target::Json, &format!("{id}-policy"), &policy)?;
        }
        // A set for each issuer, or the one of a case of the signature layer.
        let sets: Vec<&Value> = match case.get("jwks") {
            Some(Value::Object(sets)) if !sets.contains_key("keys") => sets.values().collect(),
            set => set.into_iter().collect(),
        };
        for (number, set) in sets.iter().enumerate() {
            self.write(Target::Jwks, &format!("{id}-{number}"), &document(set))?;
        }
        let lists = case.get("documents").and_then(Value::as_object).into_iter().flatten();
        for (number, list) in lists.filter_map(|(_, list)| list.as_str()).enumerate() {
            let name = format!("{id}-{number}");
            self.write(Target::Status, &name, list)?;
            let payload = list.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
            if let Some(payload) = payload.and_then(|payload| String::from_utf8(payload).ok()) {
                self.write(Target::Status, &format!("{name}-claims"), &payload)?;
            }
        }
        let mut tokens: Vec<&str> = tokens(text("token")).collect();
        if let Some(request) = case.get("request") {
            let request = as_text(request);
            tokens.extend(self::tokens(case.get("request").map_or("", request_token)));
            self.write(Target::Request, id, &request)?;
        }
        for (number, token) in tokens.into_iter().enumerate() {
            let name = format!("{id}-{number}");
            self.write(Target::Token, &name, token)?;
            let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok());
            let mut part = || parts.next().flatten();
            let (Some(header), Some(payload), Some(signature)) = (part(), part(), part()) else { continue };
            let (header, payload) = (String::from_utf8_lossy(&header), String::from_utf8_lossy(&payload));
            self.write(Target::Token, &format!("{name}-signed"), &format!("{header}\n{payload}"))?;
            self.write(Target::Json, &format!("{name}-payload"), &payload)?;
            self.write(Target::Json, &format!("{name}-header"), &header)?;
            let signed = token.rsplit_once('.').map_or("", |(signed, _)| signed);
            self.signature(&name, &header, signed, &signature, &sets)?;
        }
        Ok(())
    }

    fn signature(
        &mut self,
        name: &str,
        header: &str,
        message: &str,
        signature: &[u8],
        sets: &[&Value],
    ) -> Result<(), Failure> {
        let header: Value = serde_json::from_str(header).unwrap_or_default();
        let Some(alg) = header.get("alg").and_then(Value::as_str) else { return Ok(()) };
        let keys = sets.iter().filter_map(|set| set.get("keys")?.as_array()).flatten();
        let mut named = keys.filter(|key| header.get("kid").is_none_or(|kid| key.get("kid") == Some(kid)));
        let Some(key) = named.next() else { return Ok(()) };
        let number = |names: [&str; 2]| {
            let text = names.iter().find_map(|name| key.get(*name)?.as_str())?;
            URL_SAFE_NO_PAD.decode(text).ok()
        };
        let Some(x) = number(["n", "x"]) else { return Ok(()) };
        let mut y = number(["e", "y"]).unwrap_or_default();
        if key.get("e").is_some() && y.len() < 4 {
            // An exponent takes four bytes.
            y = [vec![0; 4 - y.len()], y].concat();
        }
        let twists = if self.twisted.insert(alg.to_owned()) { TWISTS } else { 1 };
        for twist in 0..twists {
            let input = json!({
                "alg": alg, "x": hex(&x), "y": hex(&y), "message": message, "signature": hex(signature),
                "twist": twist,
            });
            self.write(Target::Signatures, &format!("{name}-{twist}"), &input.to_string())?;
        }
        Ok(())
    }

    fn write(&mut self, target: Target, name: &str, text: &str) -> Result<(), Failure> {
        let path = folder(self.cx, "seeds", &target.name()).join(name);
        if !self.written.insert((target, text.to_owned())) {
            return Ok(());
        }
        fs::write(&path, text).map_err(|error| refused("write", &path, error))
    }
}

/// A document of a case: JSON, or the text itself where its spelling matters.
fn document(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A request as the target reads it, each token a `$`.
fn as_text(request: &Value) -> String {
    let text = |name: &str| request.get(name).and_then(Value::as_str).unwrap_or_default();
    let (_, rest) = text("url").split_once("://").unwrap_or_default();
    let (host, target) =
        rest.split_at_checked(rest.find(['/', '?']).unwrap_or(rest.len())).unwrap_or_default();
    let mut lines = vec![format!("{} {host} {target}", text("method"))];
    for field in request.get("headers").and_then(Value::as_array).into_iter().flatten() {
        let part = |index: usize| field.get(index).and_then(Value::as_str).unwrap_or_default();
        lines.push(format!("{}: {}", part(0), part(1)));
    }
    let text = lines.join("\n");
    tokens(&text).fold(text.clone(), |text, token| text.replace(token, "$"))
}

/// The first value of a field that may have a token.
fn request_token(request: &Value) -> &str {
    request.pointer("/headers/0/1").and_then(Value::as_str).unwrap_or_default()
}

/// The words of a text that have the form of a token.
fn tokens(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.')))
        .filter(|word| word.len() > 40 && word.matches('.').count() == 2)
}

/// The names of members, as they stand in JSON.
fn collect_names(value: &Value, words: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if name.bytes().all(|byte| byte.is_ascii_graphic()) && name.len() < 40 {
                    words.insert(format!("\"{}\"", name.replace(['"', '\\'], "")));
                }
                collect_names(value, words);
            }
        }
        Value::Array(elements) => elements.iter().for_each(|element| collect_names(element, words)),
        _ => {}
    }
}

fn hex(bytes: &[u8]) -> String {
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0xf]);
    nibbles.filter_map(|nibble| char::from_digit(nibble.into(), 16)).collect()
}
