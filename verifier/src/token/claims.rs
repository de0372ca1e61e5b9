//! The claims (RFC 7519 §4, RFC 9068 §2.2), read strictly: a claim of the wrong type is an error, never
//! an absent claim.

use alloc::{borrow::ToOwned, string::String, vec::Vec};

use crate::{
    error::Error,
    json::{Node, Object, Value},
    limits,
    scope::Scopes,
    time::Timestamp,
};

/// The registered claims that decisions use.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Claims {
    pub(crate) subject: String,
    pub(crate) client: Option<String>,
    pub(crate) token_id: Option<String>,
    /// Not empty.
    pub(crate) audiences: Vec<String>,
    /// `exp`, rounded down.
    pub(crate) expiry: Timestamp,
    /// `nbf`, rounded up.
    pub(crate) not_before: Option<Timestamp>,
    /// `iat`, rounded down.
    pub(crate) issued: Option<Timestamp>,
    pub(crate) scopes: Scopes,
    /// Whether there is a `cnf`, of whatever method.
    pub(crate) confirmation: bool,
}

impl Claims {
    /// The issuer, which is needed before anything else: it says which keys are asked.
    pub(crate) fn issuer<'c>(claims: &'c Object<'_>) -> Result<&'c str, Error> {
        text(claims, "iss")?.ok_or(Error::ClaimMissing { claim: "iss" })
    }

    pub(crate) fn read(claims: &Object<'_>) -> Result<Self, Error> {
        Ok(Self {
            subject: required(claims, "sub")?.to_owned(),
            client: text(claims, "client_id")?.map(ToOwned::to_owned),
            token_id: text(claims, "jti")?.map(ToOwned::to_owned),
            audiences: audiences(claims)?,
            expiry: date(claims, "exp", Round::Down)?.ok_or(Error::ClaimMissing { claim: "exp" })?,
            not_before: date(claims, "nbf", Round::Up)?,
            issued: date(claims, "iat", Round::Down)?,
            scopes: scopes(claims)?,
            confirmation: claims.get("cnf").is_some(),
        })
    }
}

/// A claim that is a string, when it is there: not empty and of bounded length.
fn text<'c>(claims: &'c Object<'_>, claim: &'static str) -> Result<Option<&'c str>, Error> {
    claims.get(claim).map(|node| identifier(node, claim)).transpose()
}

fn required<'c>(claims: &'c Object<'_>, claim: &'static str) -> Result<&'c str, Error> {
    text(claims, claim)?.ok_or(Error::ClaimMissing { claim })
}

fn identifier<'c>(node: &'c Node<'_>, claim: &'static str) -> Result<&'c str, Error> {
    match &node.value {
        Value::String(text) if !text.is_empty() && text.len() <= limits::IDENTIFIER_BYTES => Ok(text),
        _ => Err(Error::ClaimMalformed { claim }),
    }
}

fn audiences(claims: &Object<'_>) -> Result<Vec<String>, Error> {
    let claim = "aud";
    let node = claims.get(claim).ok_or(Error::ClaimMissing { claim })?;
    let nodes = match &node.value {
        Value::Array(elements) if !elements.is_empty() && elements.len() <= limits::TOKEN_AUDIENCES => {
            elements.as_slice()
        }
        Value::Array(_) => return Err(Error::ClaimMalformed { claim }),
        _ => core::slice::from_ref(node),
    };
    nodes.iter().map(|node| identifier(node, claim).map(ToOwned::to_owned)).collect()
}

/// Which way a fraction of a second goes: always the strict one.
enum Round {
    Down,
    Up,
}

/// A NumericDate: a JSON number from 0 to 2⁵³, fractions allowed (RFC 7519 §2).
fn date(claims: &Object<'_>, claim: &'static str, round: Round) -> Result<Option<Timestamp>, Error> {
    let Some(node) = claims.get(claim) else { return Ok(None) };
    let malformed = Error::ClaimMalformed { claim };
    let Value::Number(text) = &node.value else { return Err(malformed) };
    let Ok(seconds) = text.parse::<f64>() else { return Err(malformed) };
    if !(0.0..=limits::NUMERIC_DATE_MAX).contains(&seconds) {
        return Err(malformed);
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "the range was checked: every whole number in it is exact in both types"
    )]
    let seconds = {
        let floor = seconds as u64;
        match round {
            Round::Up if (floor as f64) < seconds => floor + 1,
            _ => floor,
        }
    };
    Ok(Some(Timestamp::from_seconds(seconds)))
}

/// The scopes from `scope` (RFC 8693 §4.2), or from `scp`, which some issuers use instead, as a string
/// or an array.
fn scopes(claims: &Object<'_>) -> Result<Scopes, Error> {
    let scope = claims.get("scope").map(|node| match &node.value {
        Value::String(text) => Scopes::parse(text).ok_or(Error::ClaimMalformed { claim: "scope" }),
        _ => Err(Error::ClaimMalformed { claim: "scope" }),
    });
    let scp = claims.get("scp").map(|node| {
        let scopes = match &node.value {
            Value::String(text) => Scopes::parse(text),
            Value::Array(elements) => elements
                .iter()
                .map(|element| match &element.value {
                    Value::String(text) => Some(&**text),
                    _ => None,
                })
                .collect::<Option<Vec<_>>>()
                .and_then(Scopes::from_tokens),
            _ => None,
        };
        scopes.ok_or(Error::ClaimMalformed { claim: "scp" })
    });
    match (scope.transpose()?, scp.transpose()?) {
        (Some(scope), Some(scp)) if scope != scp => Err(Error::ScopesDisagree),
        (Some(scopes), _) | (None, Some(scopes)) => Ok(scopes),
        (None, None) => Ok(Scopes::default()),
    }
}
