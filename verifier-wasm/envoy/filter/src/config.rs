//! The plug-in's configuration.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use tessera_verifier::{Backend, Verifier};
use thiserror::Error;

use crate::{
    attributes::Attribute,
    clusters::Clusters,
    crypto::{Crypto, Lent, VerifySignature},
};

/// The policy of every route that names none.
pub(crate) const DEFAULT_POLICY: usize = 0;

/// A configuration in use. It is written as JSON:
///
/// ```json
/// {
///   "policy": { "issuers": ["…"], "audiences": ["…"] },
///   "policies": { "admin": { "issuers": ["…"], "audiences": ["…"] } },
///   "clusters": { "https://issuer.example": "issuer" },
///   "crypto": "auto",
///   "attributes": ["reason"]
/// }
/// ```
pub(crate) struct Config {
    /// At [`DEFAULT_POLICY`] the `policy`, then the `policies`, by name.
    pub(crate) policies: Vec<(String, Verifier)>,
    pub(crate) clusters: Clusters,
    pub(crate) lent: Lent,
    pub(crate) attributes: Vec<Attribute>,
}

/// Every problem of a configuration, a line or more each.
#[derive(Debug, Error)]
#[error("{}", .0.join("\n"))]
pub(crate) struct ConfigError(Vec<String>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'c> {
    /// The policy document, as every other host of the verifier has it.
    #[serde(borrow)]
    policy: &'c RawValue,
    /// Policies that routes choose by name.
    #[serde(borrow, default)]
    policies: Members<&'c RawValue>,
    /// By the origin of a URL (scheme and authority), the Envoy cluster that reaches it.
    #[serde(default)]
    clusters: Members<String>,
    /// Who does the arithmetic.
    #[serde(default)]
    crypto: Crypto,
    /// What is written into each request's filter state.
    #[serde(default = "Attribute::usual")]
    attributes: Vec<Attribute>,
}

/// An object as a list, each name once: of two values of one name the last would win in silence.
struct Members<T>(Vec<(String, T)>);

impl Config {
    /// Reads a configuration, or finds every problem in it. Envoy may lend its check of signatures.
    pub(crate) fn parse(text: &[u8], verify: VerifySignature) -> Result<Self, ConfigError> {
        let document: Document<'_> = serde_json::from_slice(text)
            .map_err(|error| ConfigError(vec![format!("the configuration is unusable: {error}")]))?;
        let Document { policy, policies: Members(named), clusters, crypto, attributes } = document;
        let lent = crypto.lent(verify);
        let backend = lent.backend(verify);
        let (mut policies, mut problems) = (Vec::new(), Vec::new());
        let all = [("/policy".to_owned(), String::new(), policy)].into_iter();
        let all =
            all.chain(named.into_iter().map(|(name, policy)| (format!("/policies/{name}"), name, policy)));
        for (place, name, policy) in all {
            if name.is_empty() && place != "/policy" {
                problems.push("/policies: a policy has no name, so no route can choose it".to_owned());
            }
            match load(policy, backend) {
                Ok(verifier) => policies.push((name, verifier)),
                Err(error) => problems.push(format!("{place} has problems, at its own lines:\n{error}")),
            }
        }
        let clusters =
            Clusters::new(clusters.0).map_err(|faults| problems.extend(faults)).unwrap_or_default();
        if problems.is_empty() {
            Ok(Self { policies, clusters, lent, attributes })
        } else {
            Err(ConfigError(problems))
        }
    }
}

fn load(policy: &RawValue, backend: Backend) -> Result<Verifier, String> {
    Verifier::load(policy.get(), backend).map_err(|error| error.to_string())
}

impl ConfigError {
    pub(crate) fn new(problems: Vec<String>) -> Self {
        Self(problems)
    }
}

impl<T> Default for Members<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Members<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor(Vec::new()))
    }
}

struct MembersVisitor<T>(Vec<(String, T)>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for MembersVisitor<T> {
    type Value = Members<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Self::Value, A::Error> {
        while let Some((name, value)) = members.next_entry::<String, T>()? {
            if self.0.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom(format_args!("`{name}` is there twice")));
            }
            self.0.push((name, value));
        }
        Ok(Members(self.0))
    }
}
