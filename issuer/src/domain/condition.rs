//! Conditions on the claims of a platform's tokens, as a registration stores them.

use std::sync::Arc;

use serde_json::Value;
use tessera_verifier::PolicyError;

/// Most conditions of one registration. The longest preset has seven.
const MAX_CONDITIONS: usize = 32;
/// Longest text of them, in bytes.
const MAX_CONDITIONS_TEXT: usize = 16 * 1024;

/// What the claims of a token have to be, in the grammar of a verifier's policy (docs/policy.md): a list of
/// `{"claim": "sub", "equals": "…"}` and the like.
#[derive(Clone, Debug)]
pub struct Conditions {
    text: String,
    subject: Option<String>,
    parsed: Arc<tessera_verifier::Conditions>,
}

/// Why conditions cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConditionsError {
    /// Not a list of objects, or none in it: a registration without conditions would be everybody at its issuer.
    #[error("conditions are a list of 1 to {MAX_CONDITIONS} objects, {MAX_CONDITIONS_TEXT} bytes in all")]
    Shape,
    /// Not as the verifier's grammar has them.
    #[error("the conditions cannot be taken: {0}")]
    Grammar(#[from] PolicyError),
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
        let text = Value::from(list).to_string();
        let parsed = tessera_verifier::Conditions::parse(&text)?.into();
        Ok(Self { text, subject, parsed })
    }

    /// "`sub` is this".
    #[must_use]
    pub fn subject(subject: &str) -> Self {
        let text = serde_json::json!([{ "claim": "sub", "equals": subject }]).to_string();
        let parsed = tessera_verifier::Conditions::equals("sub", subject).into();
        Self { text, subject: Some(subject.to_owned()), parsed }
    }

    /// The list as JSON text.
    #[must_use]
    pub fn as_json(&self) -> &str {
        &self.text
    }

    /// The conditions themselves.
    #[must_use]
    pub fn parsed(&self) -> &tessera_verifier::Conditions {
        &self.parsed
    }

    /// The one subject that they let through, if they say one.
    #[must_use]
    pub fn exact_subject(&self) -> Option<&str> {
        self.subject.as_deref()
    }
}

/// The same text says the same.
impl PartialEq for Conditions {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Conditions {}

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
            (r#"[{"claim":"sub","glob":"a/*"}]"#, None),
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
        let unknown = Conditions::parse(r#"[{"claim":"sub","equal":"a"}]"#);
        assert!(matches!(unknown, Err(ConditionsError::Grammar(_))), "{unknown:?}");
    }

    #[test]
    fn one_subject_is_the_same_said_in_short() {
        let written = Conditions::parse(r#"[{"claim":"sub","equals":"a"}]"#).unwrap();
        assert_eq!(
            (written.parsed(), &written),
            (Conditions::subject("a").parsed(), &Conditions::subject("a"))
        );
    }
}
