//! Claims that a grant adds to its tokens. They come from a fixed list, so that no grant can speak of identity, time
//! or audience, which are this server's to say.

use std::collections::BTreeMap;
use std::str::FromStr;

/// Most elements of a list claim, and longest text of one, in bytes: a token has to stay below a proxy's header limit.
const MAX_ELEMENTS: usize = 16;
const MAX_TEXT: usize = 128;

/// A claim that a grant may set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CustomClaim {
    /// RFC 9068 §2.2.3.1 (from RFC 7643): the client's roles. A list.
    Roles,
    /// The same: the client's groups. A list.
    Groups,
    /// The same: the client's entitlements. A list.
    Entitlements,
    /// On whose behalf the client works. A text.
    Tenant,
    /// `production`, `staging`. A text.
    Environment,
    /// Where the client runs. A text.
    Region,
}

/// What a claim says.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(untagged)]
pub enum CustomValue {
    /// One text.
    Text(String),
    /// Texts.
    List(Vec<String>),
}

/// The claims of one grant.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
#[serde(transparent)]
pub struct CustomClaims(BTreeMap<CustomClaim, CustomValue>);

/// Why a grant cannot set a claim so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CustomClaimError {
    /// No claim that a grant may set.
    #[error("`{name}` is no claim that a grant can set; there are {}", CustomClaim::ALL.map(CustomClaim::as_str).join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// Not a name, an equals sign and a value.
    #[error("a claim is written NAME=VALUE")]
    Syntax,
    /// A text claim with two values.
    #[error("`{}` has one value", claim.as_str())]
    Repeated {
        /// Which claim.
        claim: CustomClaim,
    },
    /// A text that is empty, too long or has control characters; or too many of them.
    #[error("a claim has at most {MAX_ELEMENTS} values of 1 to {MAX_TEXT} bytes, without control characters")]
    Value,
}

impl CustomClaim {
    /// All there are.
    pub const ALL: [Self; 6] =
        [Self::Roles, Self::Groups, Self::Entitlements, Self::Tenant, Self::Environment, Self::Region];

    /// The name in the token.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Roles => "roles",
            Self::Groups => "groups",
            Self::Entitlements => "entitlements",
            Self::Tenant => "tenant",
            Self::Environment => "environment",
            Self::Region => "region",
        }
    }

    const fn is_list(self) -> bool {
        matches!(self, Self::Roles | Self::Groups | Self::Entitlements)
    }
}

impl FromStr for CustomClaim {
    type Err = CustomClaimError;

    fn from_str(text: &str) -> Result<Self, CustomClaimError> {
        let known = Self::ALL.into_iter().find(|claim| claim.as_str() == text);
        known.ok_or_else(|| CustomClaimError::Unknown { name: text.to_owned() })
    }
}

impl CustomClaims {
    /// Sets a claim, or adds a value to a list.
    pub fn add(&mut self, claim: CustomClaim, value: String) -> Result<(), CustomClaimError> {
        if value.is_empty() || value.len() > MAX_TEXT || value.chars().any(char::is_control) {
            return Err(CustomClaimError::Value);
        }
        if !claim.is_list() {
            return match self.0.insert(claim, CustomValue::Text(value)) {
                None => Ok(()),
                Some(_) => Err(CustomClaimError::Repeated { claim }),
            };
        }
        let list = self.0.entry(claim).or_insert_with(|| CustomValue::List(Vec::new()));
        match list {
            CustomValue::List(values) if values.len() < MAX_ELEMENTS => values.push(value),
            _ => return Err(CustomClaimError::Value),
        }
        Ok(())
    }

    /// Reads what [`Serialize`](serde::Serialize) wrote, by the same rules as [`add`](Self::add).
    #[must_use]
    pub fn from_json(text: &str) -> Option<Self> {
        let read: BTreeMap<CustomClaim, CustomValue> = serde_json::from_str(text).ok()?;
        let mut claims = Self::default();
        for (claim, value) in read {
            let values = match value {
                CustomValue::Text(text) => vec![text],
                CustomValue::List(values) => values,
            };
            for value in values {
                claims.add(claim, value).ok()?;
            }
        }
        Some(claims)
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// `NAME=VALUE`, as a command line has it.
pub fn parse_claim(text: &str) -> Result<(CustomClaim, String), CustomClaimError> {
    let (name, value) = text.split_once('=').ok_or(CustomClaimError::Syntax)?;
    Ok((name.parse()?, value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_closed_and_each_claim_has_its_shape() {
        let mut claims = CustomClaims::default();
        for text in ["roles=reader", "roles=writer", "tenant=acme"] {
            let (claim, value) = parse_claim(text).unwrap();
            claims.add(claim, value).unwrap();
        }
        let json = serde_json::to_string(&claims).unwrap();
        assert_eq!(json, r#"{"roles":["reader","writer"],"tenant":"acme"}"#);
        assert_eq!(CustomClaims::from_json(&json), Some(claims.clone()));
        assert_eq!(CustomClaims::from_json(r#"{"sub":"root"}"#), None);
        let repeated = CustomClaimError::Repeated { claim: CustomClaim::Tenant };
        assert_eq!(claims.add(CustomClaim::Tenant, "x".to_owned()), Err(repeated));
        for name in ["sub", "aud", "scope", "Roles", "client_id", "exp", "cnf", "act"] {
            let unknown = CustomClaimError::Unknown { name: name.to_owned() };
            assert_eq!(parse_claim(&format!("{name}=x")), Err(unknown));
        }
        for value in ["", "a\nb", &"x".repeat(MAX_TEXT + 1)] {
            let added = claims.add(CustomClaim::Roles, value.to_owned());
            assert_eq!(added, Err(CustomClaimError::Value), "{value:?}");
        }
    }
}
