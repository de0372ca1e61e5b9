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
            audiences: audiences(claims)?.into_iter().map(ToOwned::to_owned).collect(),
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

/// A claim that has to be a string of bounded length.
pub(crate) fn required<'c>(claims: &'c Object<'_>, claim: &'static str) -> Result<&'c str, Error> {
    text(claims, claim)?.ok_or(Error::ClaimMissing { claim })
}

fn identifier<'c>(node: &'c Node<'_>, claim: &'static str) -> Result<&'c str, Error> {
    match &node.value {
        Value::String(text) if !text.is_empty() && text.len() <= limits::IDENTIFIER_BYTES => Ok(text),
        _ => Err(Error::ClaimMalformed { claim }),
    }
}

/// The audiences: not empty.
pub(crate) fn audiences<'c>(claims: &'c Object<'_>) -> Result<Vec<&'c str>, Error> {
    let claim = "aud";
    let node = claims.get(claim).ok_or(Error::ClaimMissing { claim })?;
    let nodes = match &node.value {
        Value::Array(elements) if !elements.is_empty() && elements.len() <= limits::TOKEN_AUDIENCES => {
            elements.as_slice()
        }
        Value::Array(_) => return Err(Error::ClaimMalformed { claim }),
        _ => core::slice::from_ref(node),
    };
    nodes.iter().map(|node| identifier(node, claim)).collect()
}

/// Which way a fraction of a second goes: always the strict one.
#[derive(Clone, Copy)]
pub(crate) enum Round {
    Down,
    Up,
}

/// A `NumericDate`: a JSON number from 0 to 2⁵³, fractions allowed (RFC 7519 §2).
pub(crate) fn date(
    claims: &Object<'_>,
    claim: &'static str,
    round: Round,
) -> Result<Option<Timestamp>, Error> {
    let Some(node) = claims.get(claim) else { return Ok(None) };
    let seconds = match &node.value {
        Value::Number(text) => numeric_date(text, round),
        _ => None,
    };
    seconds.map(|seconds| Some(Timestamp::from_seconds(seconds))).ok_or(Error::ClaimMalformed { claim })
}

/// The whole seconds of a JSON number. It is read digit by digit, since a float would be inexact at the
/// edges and its parser heavier than the rest of this file.
fn numeric_date(text: &str, round: Round) -> Option<u64> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    // How many digits stand before the decimal point once the exponent has moved it.
    let point = i64::try_from(whole.len()).ok()? + i64::from(exponent);
    let mut seconds: u64 = 0;
    let mut has_fraction = false;
    let mut position = 0;
    for byte in whole.bytes().chain(fraction.bytes()) {
        // A minus sign is no digit, and so no date before 1970 gets through.
        let digit = char::from(byte).to_digit(10)?;
        if position < point {
            seconds = within_range(seconds * 10 + u64::from(digit))?;
        } else {
            has_fraction |= digit != 0;
        }
        position += 1;
    }
    while position < point && seconds != 0 {
        seconds = within_range(seconds * 10)?;
        position += 1;
    }
    match round {
        Round::Up if has_fraction => within_range(seconds + 1),
        Round::Up | Round::Down => Some(seconds),
    }
}

fn within_range(seconds: u64) -> Option<u64> {
    (seconds <= limits::NUMERIC_DATE_MAX).then_some(seconds)
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
