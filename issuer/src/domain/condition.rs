//! Conditions on the claims of a platform's tokens, as a registration stores them.

use serde_json::Value;

/// Most conditions of one registration. The longest preset has seven.
const MAX_CONDITIONS: usize = 32;
/// Longest text of them, in bytes.
const MAX_CONDITIONS_TEXT: usize = 16 * 1024;

/// What the claims of a token have to be, in the grammar of a verifier's policy (docs/policy.md): a list of
/// `{"claim": "sub", "equals": "…"}` and the like.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Conditions {
    text: String,
    subject: Option<String>,
}

/// Why conditions cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionsError {
    /// Not a list of objects, or none in it: a registration without conditions would be everybody at its issuer.
    #[error("conditions are a list of 1 to {MAX_CONDITIONS} objects, {MAX_CONDITIONS_TEXT} bytes in all")]
    Shape,
}

impl Conditions {
    /// Reads a JSON list.
    pub fn parse(text: &str) -> Result<Self, ConditionsError> {
        if text.len() > MAX_CONDITIONS_TEXT {
            return Err(ConditionsError::Shape);
        }
        let list: Vec<Value> = serde_json::from_str(text).map_err(|_| ConditionsError::Shape)?;
        Self::new(&list)
    }

    /// Takes conditions in JSON.
    pub fn new(list: &[Value]) -> Result<Self, ConditionsError> {
        if !(1..=MAX_CONDITIONS).contains(&list.len()) || !list.iter().all(Value::is_object) {
            return Err(ConditionsError::Shape);
        }
        let subject = list
            .iter()
            .filter(|condition| condition.get("claim").is_some_and(|claim| claim == "sub"))
            .find_map(|condition| condition.get("equals")?.as_str().map(str::to_owned));
        Ok(Self { text: Value::from(list).to_string(), subject })
    }

    /// "`sub` is this".
    #[must_use]
    pub fn subject(subject: &str) -> Self {
        let text = serde_json::json!([{ "claim": "sub", "equals": subject }]).to_string();
        Self { text, subject: Some(subject.to_owned()) }
    }

    /// The list as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The one subject that they let through, if they say one.
    #[must_use]
    pub fn exact_subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_is_known_only_where_it_is_exact() {
        for (text, subject) in [
            (r#"[{"claim":"sub","equals":"a"}]"#, Some("a")),
            (r#"[{"claim":"x","equals":1},{"claim":"sub","equals":"b"}]"#, Some("b")),
            (r#"[{"claim":"sub","prefix":"a"}]"#, None),
            (r#"[{"claim":["sub"],"equals":"a"}]"#, None),
            (r#"[{"claim":"sub","equals":1}]"#, None),
        ] {
            let read = Conditions::parse(text).unwrap();
            assert_eq!((read.exact_subject(), read.as_json()), (subject, text));
        }
    }

    #[test]
    fn nobody_is_let_in_without_a_condition() {
        let many = format!("[{}{{}}]", "{},".repeat(MAX_CONDITIONS));
        for text in ["[]", "{}", "[1]", "", &many] {
            assert_eq!(Conditions::parse(text), Err(ConditionsError::Shape), "{text:.20}");
        }
    }
}
