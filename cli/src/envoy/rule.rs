//! `RouteMatch`: the requests that a rule is for.

use serde_json::{Map, Value, json};

use super::message::{Message, Placed};
use super::note::Notes;

const PATHS: &[&str] =
    &["prefix", "path", "safe_regex", "path_separated_prefix", "path_match_policy", "connect_matcher"];
const KNOWN: &[&str] = &[
    "prefix",
    "path",
    "safe_regex",
    "path_separated_prefix",
    "path_match_policy",
    "connect_matcher",
    "case_sensitive",
    "runtime_fraction",
    "headers",
    "query_parameters",
    "cookies",
    "grpc",
    "tls_context",
    "dynamic_metadata",
    "filter_state",
];

/// What a route of a policy has no word for. To leave it out would make the rule wider, and take requests away from
/// the rules after it.
const NOT_SAID: &[&str] = &[
    "runtime_fraction",
    "query_parameters",
    "cookies",
    "grpc",
    "tls_context",
    "dynamic_metadata",
    "filter_state",
];

/// The members of a route that say which requests it is for; none if that cannot be said.
pub(super) fn requests(rule: &Placed<'_>, notes: &Notes) -> Option<Map<String, Value>> {
    let message = Message::read(rule.value, &rule.place, KNOWN, notes);
    let mut route = Map::new();
    let mut is_said = true;
    for name in message.given(NOT_SAID) {
        let text = "a route of a policy is for methods, hosts and paths; this cannot be said";
        notes.refuse(message.place_of(name), text);
        is_said = false;
    }
    match methods(&message, notes) {
        Some(methods) if methods.is_empty() => {}
        Some(methods) => drop(route.insert("methods".to_owned(), methods.into())),
        None => is_said = false,
    }
    match path(&message, notes) {
        Some(Value::Null) => {}
        Some(path) => drop(route.insert("path".to_owned(), path)),
        None => is_said = false,
    }
    is_said.then_some(route)
}

/// The methods that conditions on `:method` name; empty for all, none if a condition cannot be said.
fn methods(message: &Message<'_>, notes: &Notes) -> Option<Vec<String>> {
    let mut methods = Vec::new();
    for (index, Placed { place, value }) in message.list("headers").into_iter().enumerate() {
        let known = [
            "name",
            "exact_match",
            "safe_regex_match",
            "range_match",
            "present_match",
            "prefix_match",
            "suffix_match",
            "contains_match",
            "string_match",
            "invert_match",
            "treat_missing_header_as_empty",
        ];
        let header = Message::read(value, &place, &known, notes);
        let matcher = header.message("string_match", &["exact", "safe_regex"]);
        let exact = header.text("exact_match").or_else(|| matcher.as_ref()?.text("exact"));
        let regex =
            matcher.as_ref().and_then(|matcher| matcher.message("safe_regex", &["google_re2", "regex"]));
        let regex = regex.as_ref().and_then(|regex| regex.text("regex"));
        let named: Vec<String> = exact.map_or_else(
            || regex.map(|regex| regex.split('|').map(str::to_owned).collect()).unwrap_or_default(),
            |exact| vec![exact.to_owned()],
        );
        let is_method =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_uppercase());
        let is_said = header.text("name") == Some(":method")
            && !header.flag("invert_match")
            && !named.is_empty()
            && named.iter().all(is_method);
        if !is_said || index > 0 {
            let text = "of conditions on fields, a route of a policy can say which methods it is for (`:method` with \
                        `exact`, or a regular expression such as `GET|HEAD`), nothing else";
            notes.refuse(place, text);
            return None;
        }
        methods = named;
    }
    Some(methods)
}

/// The path of a route, null for all; none if it cannot be said.
fn path(message: &Message<'_>, notes: &Notes) -> Option<Value> {
    let given = message.given(PATHS);
    let refuse = |place: String, text: &str| {
        notes.refuse(place, text);
        None
    };
    let &[kind] = given.as_slice() else {
        return refuse(message.place.clone(), "one of `prefix`, `path` … is expected here");
    };
    let place = message.place_of(kind);
    let any_case = message.optional_flag("case_sensitive") == Some(false);
    let regex = |text: String| {
        if any_case { json!({ "regex": format!("(?i){text}") }) } else { json!({ "regex": text }) }
    };
    match kind {
        "prefix" | "path" | "path_separated_prefix" => {
            let text = message.get(kind)?.text(notes)?;
            // Every path begins with nothing.
            if (kind, text) == ("prefix", "") {
                return Some(Value::Null);
            }
            if let Some(fault) = path_fault(text) {
                return refuse(place, fault);
            }
            Some(match (kind, any_case) {
                ("prefix", _) if text == "/" => Value::Null,
                ("path", false) => json!({ "exact": text }),
                ("path", true) => regex(escaped(text)),
                ("prefix", true) => regex(format!("{}.*", escaped(text))),
                (_, true) => regex(format!("{}(/.*)?", escaped(text))),
                // What begins with `/orders` is also `/orders-new`, which a prefix of a policy is not for.
                ("prefix", false) if !text.ends_with('/') => regex(format!("{}.*", escaped(text))),
                _ => json!({ "prefix": text }),
            })
        }
        "safe_regex" => {
            let matcher = message.message(kind, &["google_re2", "regex"])?;
            let text = matcher.text("regex").unwrap_or_default();
            if !means_the_same(text) {
                let text = "this could mean something else in a policy, where regular expressions have groups, classes, \
                            repetitions, alternatives and the escapes of single characters, and paths no `%`";
                return refuse(matcher.place_of("regex"), text);
            }
            // Its alternatives stay together behind the flag.
            Some(if any_case { regex(format!("(?:{text})")) } else { regex(text.to_owned()) })
        }
        "path_match_policy" => {
            let text = "write the path as `template` of a route: `/orders/{id}` stands for any one segment";
            refuse(place, text)
        }
        _ => refuse(place, "CONNECT has no path that a route of a policy could name"),
    }
}

/// Why a path cannot be one of a policy, where paths are in their normal form.
fn path_fault(text: &str) -> Option<&'static str> {
    let is_plain = text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic());
    let is_odd = text.contains(['%', ';', '?', '#', '\\']) || text.contains("//");
    let has_dots = text.split('/').any(|segment| matches!(segment, "." | ".."));
    (!is_plain || is_odd || has_dots)
        .then_some("paths are compared in their normal form, and this is not beyond doubt: write it without `%`, `;`, `//` and dot segments")
}

/// A text as a regular expression for itself.
fn escaped(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut escaped, c| {
        if r"\.+*?()|[]{}^$".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
        escaped
    })
}

/// Whether RE2 and the regular expressions of a policy, which both match the whole path, understand the same by this.
fn means_the_same(regex: &str) -> bool {
    let mut rest = regex.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            // Letters and digits after a backslash name classes and more; some are known to one side only, and
            // `\<` is an assertion here and a character there.
            '\\' => match rest.next() {
                Some('d' | 'D' | 'w' | 'W') => {}
                Some(c) if c.is_ascii_punctuation() && !matches!(c, '<' | '>') => {}
                _ => return false,
            },
            // Classes within classes, and what is done with them.
            '[' if in_class => return false,
            '&' | '-' | '~' if in_class && rest.peek() == Some(&c) => return false,
            '[' => in_class = true,
            ']' => in_class = false,
            '(' if !in_class && rest.peek() == Some(&'?') => {
                rest.next();
                if rest.next() != Some(':') {
                    return false;
                }
            }
            // No path holds it as it is; an encoded character may be written in other ways.
            '%' => return false,
            _ if !c.is_ascii() || c.is_ascii_control() || c == ' ' => return false,
            _ => {}
        }
    }
    !in_class && regex.starts_with(['/', '(', '[', '.', '^', '\\'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regular_expressions_mean_the_same_or_are_refused() {
        for same in ["/orders/[0-9]+", "/(a|b)(?:c)?", r"/a\.b", "/a{1,3}", "[^a]", r"\/x\d", "^/a$", ".*"] {
            assert!(means_the_same(same), "{same}");
        }
        for other in [
            r"/\<a",
            r"/\bx",
            r"/\pN",
            "/(?U)a",
            "/(?P<n>a)",
            "/[[:alpha:]]",
            "/[a&&b]",
            "/%2F",
            "/é",
            "/[a",
            r"/\",
            "a",
        ] {
            assert!(!means_the_same(other), "{other}");
        }
    }
}
