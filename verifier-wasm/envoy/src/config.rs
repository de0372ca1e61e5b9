//! The plug-in's configuration.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;
use serde_json::value::RawValue;
use tessera_verifier::{PolicyError, Verifier};

/// The configuration as it is written:
///
/// ```json
/// {
///   "policy": { "issuers": ["…"], "audiences": ["…"] },
///   "clusters": { "https://issuer.example": "issuer" }
/// }
/// ```
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config<'c> {
    /// The policy document, as every other host of the verifier has it.
    #[serde(borrow)]
    pub(crate) policy: &'c RawValue,
    /// By the origin of a URL (scheme and authority), the Envoy cluster that reaches it.
    pub(crate) clusters: BTreeMap<String, String>,
}

/// Why a configuration is refused.
pub(crate) enum ConfigError {
    /// It is no such JSON object.
    Json(serde_json::Error),
    /// The policy has problems; their lines count from where the policy starts.
    Policy(PolicyError),
}

impl<'c> Config<'c> {
    pub(crate) fn parse(text: &'c [u8]) -> Result<(Verifier, BTreeMap<String, String>), ConfigError> {
        let config: Config<'c> = serde_json::from_slice(text).map_err(ConfigError::Json)?;
        let verifier = Verifier::load(config.policy.get()).map_err(ConfigError::Policy)?;
        Ok((verifier, config.clusters))
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Json(error) => write!(f, "the configuration is unusable: {error}"),
            ConfigError::Policy(error) => write!(f, "the policy has problems:\n{error}"),
        }
    }
}
