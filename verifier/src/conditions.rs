//! Conditions on claims by themselves, for whoever chooses by them before a token is verified: an authorization server
//! has to find the registration that a token is for, among many that share one key set.

use alloc::{string::String, vec::Vec};
use core::fmt;

use crate::{
    claim::{ClaimPath, ClaimValue, Scalar},
    error::Error,
    excerpt::Excerpt,
    json::{Node, Object},
    policy::{self, ClaimPaths, Condition, PolicyError},
    token::{self, Compact},
};

/// Conditions on claims, as `claims` of a policy has them. All have to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Conditions {
    paths: ClaimPaths,
    conditions: Vec<Condition>,
}

/// The claims of a token whose signature nobody has verified: good for choosing what to verify it by, and for nothing
/// else. They are read exactly as the verifier reads them.
#[derive(Debug)]
pub struct UnverifiedClaims<'p>(Object<'p>);

/// A condition that claims do not meet, as an operator wants to read it: what the claim is, not what it should be.
/// Untrusted text in it is an [`Excerpt`].
#[derive(Clone, Debug, PartialEq)]
pub struct FailedCondition<'c> {
    path: &'c ClaimPath,
    found: FoundClaim,
}

#[derive(Clone, Debug, PartialEq)]
enum FoundClaim {
    Nothing,
    Text(Excerpt),
    Number(Excerpt),
    Other(&'static str),
}

impl Conditions {
    /// Reads a JSON list of conditions, at most [`CONDITIONS_BYTES`](crate::limits::CONDITIONS_BYTES) long and not
    /// empty, or says every problem in it with its place.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (conditions, paths) = policy::parse_conditions(text)?;
        Ok(Self { paths, conditions })
    }

    /// That this claim is this text.
    #[must_use]
    pub fn equals(claim: &str, text: &str) -> Self {
        let (conditions, paths) = policy::equals(claim, text);
        Self { paths, conditions }
    }

    /// The conditions that do not hold for these claims, in their order. They are found as they are asked for.
    pub fn failed<'c>(
        &'c self,
        claims: &'c UnverifiedClaims<'_>,
    ) -> impl Iterator<Item = FailedCondition<'c>> {
        self.conditions.iter().filter_map(|condition| {
            let path = self.paths.get(condition.claim())?;
            let found = path.find(&claims.0);
            let value = found.map_or(ClaimValue::Absent, ClaimValue::read);
            (!condition.holds(&value)).then(|| FailedCondition { path, found: FoundClaim::new(found) })
        })
    }

    /// The conditions, their claims among those of a policy.
    pub(crate) fn into_parts(self, paths: &mut ClaimPaths) -> Vec<Condition> {
        let Self { paths: own, conditions } = self;
        conditions.into_iter().filter_map(|condition| condition.moved(&own, paths)).collect()
    }

    /// Whether all of them hold.
    #[must_use]
    pub fn hold(&self, claims: &UnverifiedClaims<'_>) -> bool {
        self.failed(claims).next().is_none()
    }
}

impl<'p> UnverifiedClaims<'p> {
    /// The payload of a token as text, for [`read`](Self::read): the same text that
    /// [`claims_json`](crate::VerifiedToken::claims_json) is of the token, once it is verified.
    pub fn payload(token: &str) -> Result<String, Error> {
        Compact::split(token)?.payload()
    }

    /// Reads a payload.
    pub fn read(payload: &'p str) -> Result<Self, Error> {
        token::parse_payload(payload).map(Self)
    }

    /// A claim, if it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        self.0.text(name)
    }

    /// The audiences: one at least.
    pub fn audiences(&self) -> Result<Vec<&str>, Error> {
        token::audiences(&self.0)
    }
}

impl FoundClaim {
    fn new(node: Option<&Node<'_>>) -> Self {
        match node {
            None => Self::Nothing,
            Some(node) => match ClaimValue::read(node) {
                ClaimValue::Scalar(Scalar::Text(text)) => Self::Text(Excerpt::new(&text)),
                ClaimValue::Scalar(Scalar::Number(number)) => Self::Number(Excerpt::new(&number)),
                ClaimValue::Scalar(Scalar::Bool(true)) => Self::Other("true"),
                ClaimValue::Scalar(Scalar::Bool(false)) => Self::Other("false"),
                _ => Self::Other(node.value.kind()),
            },
        }
    }
}

impl FailedCondition<'_> {
    /// The claim's name; for a nested one the names on the way to it, with slashes between them.
    #[must_use]
    pub fn claim(&self) -> impl fmt::Display {
        self.path
    }
}

impl fmt::Display for FailedCondition<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the claim `{}` is ", self.path)?;
        match &self.found {
            FoundClaim::Nothing => f.write_str("absent"),
            FoundClaim::Text(excerpt) => excerpt.fmt(f),
            FoundClaim::Number(excerpt) => write!(f, "the number {excerpt}"),
            FoundClaim::Other(what) => f.write_str(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{
        format,
        string::{String, ToString},
        vec::Vec,
    };

    use super::*;
    use crate::{limits, testing::encode};

    fn unmet(conditions: &str, claims: &str) -> Vec<String> {
        let conditions = Conditions::parse(conditions).unwrap();
        let claims = UnverifiedClaims::read(claims).unwrap();
        let unmet: Vec<String> = conditions.failed(&claims).map(|failed| failed.to_string()).collect();
        assert_eq!(conditions.hold(&claims), unmet.is_empty());
        unmet
    }

    #[test]
    fn says_what_each_claim_is_that_does_not_hold() {
        let conditions = r#"[
            { "claim": "sub", "equals": "a" },
            { "claim": ["o", "p"], "glob": "x*" },
            { "claim": "groups", "contains": "admin" }
        ]"#;
        assert_eq!(unmet(conditions, r#"{"sub":"a","o":{"p":"xy"},"groups":["admin"]}"#), [""; 0]);
        assert_eq!(
            unmet(conditions, r#"{"sub":"b\n","o":{},"groups":[],"secret":"s"}"#),
            [r#"the claim `sub` is "b\n""#, "the claim `o/p` is absent", "the claim `groups` is an array"]
        );
        assert_eq!(
            unmet(conditions, r#"{"sub":1,"o":{"p":false},"groups":["admin"]}"#),
            [r#"the claim `sub` is the number "1""#, "the claim `o/p` is false"]
        );
        let long = format!(r#"{{"sub":"{}","o":{{"p":"x"}},"groups":"admin"}}"#, "é".repeat(200));
        assert_eq!(unmet(conditions, &long), [format!("the claim `sub` is \"{}\"…", "é".repeat(100))]);
    }

    #[test]
    fn a_list_is_held_to_the_grammar_of_a_policy() {
        for (text, expected) in [
            ("[]", "1:1: at least one is needed"),
            ("{}", "1:1: expected an array, found an object"),
            ("[", "1:2: ends too early"),
            (
                r#"[{ "claim": "sub", "equal": "a" }]"#,
                "1:2: /0: `equals`, `one_of`, `prefix`, `glob`, `contains` or `exists` is missing\n\
                 1:20: /0/equal: unknown member (did you mean `equals`?)",
            ),
            (
                r#"[{ "claim": "sub", "glob": "*" }]"#,
                "1:28: /0/glob: this lets everything through (write `\"exists\": true` if that is what is meant)",
            ),
        ] {
            assert_eq!(Conditions::parse(text).map_err(|error| error.to_string()), Err(expected.to_string()));
        }
        let long = format!("[{}]", " ".repeat(limits::CONDITIONS_BYTES));
        let error = Conditions::parse(&long).unwrap_err().to_string();
        assert_eq!(error, format!("1:{}: too long", limits::CONDITIONS_BYTES + 1));
        let many = format!("[{}]", [r#"{"claim":"a","exists":true}"#; 129].join(","));
        assert!(Conditions::parse(&many).is_err());
    }

    #[test]
    fn claims_are_read_as_the_verifier_reads_them() {
        let payload = |text: &str| UnverifiedClaims::payload(&format!("e30.{}.x", encode(text)));
        let text = r#"{"iss":"i","aud":["a","b"],"n":1}"#;
        assert_eq!(payload(text).unwrap(), text);
        let claims = UnverifiedClaims::read(text).unwrap();
        assert_eq!((claims.text("iss"), claims.text("n"), claims.text("x")), (Some("i"), None, None));
        assert_eq!(claims.audiences(), Ok(["a", "b"].into()));
        assert!(UnverifiedClaims::read(r#"{"iss":"i","iss":"j"}"#).is_err());
        let missing = UnverifiedClaims::read("{}").unwrap().audiences().map(|_| ());
        assert_eq!(missing, Err(Error::ClaimMissing { claim: "aud" }));
        assert_eq!(UnverifiedClaims::payload("a.b"), Err(Error::TokenNotCompact { parts: 2 }));
    }
}
