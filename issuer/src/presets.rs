//! Presets: what a registration has to ask for on the platforms that people run on.
//!
//! A preset turns a few parameters into a [`WorkloadRegistration`]. It refuses what it does not know and what would let
//! in more than one workload by accident; what it makes can be said without it, by conditions.

mod parameters;
mod platforms;

use std::collections::BTreeMap;

use serde_json::{Value, json};

use self::parameters::Parameters;
pub use self::parameters::PresetError;
use crate::domain::{AudienceRule, Conditions, KeySource, Profile, RegisteredText, WorkloadRegistration};
use crate::suggest::nearest;

/// A platform.
#[derive(Debug)]
pub struct Preset {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// What it takes.
    pub parameters: &'static [Parameter],
    build: fn(&Parameters<'_>) -> Result<Draft, PresetError>,
}

/// A parameter of a preset.
#[derive(Debug)]
pub struct Parameter {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub about: &'static str,
    /// Whether it has to be given.
    pub required: bool,
}

/// What a platform says of a registration; the rest is the same on all of them.
struct Draft {
    issuer: String,
    conditions: Vec<Value>,
    profile: Profile,
    /// The longest life that the platform's tokens have, in seconds.
    max_lifetime: u64,
}

/// What every preset takes.
const COMMON: &[Parameter] = &[
    optional(
        "audience",
        "what the platform puts into `aud`, if it cannot be this server's issuer identifier",
    ),
    optional("jwks-uri", "where the keys are, if the issuer's metadata cannot be fetched"),
    optional("jwks", "the keys themselves: a JWK Set, if nothing can be fetched"),
    optional("max-lifetime", "the longest life of a token, in seconds"),
];

const fn required(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, required: true }
}

const fn optional(name: &'static str, about: &'static str) -> Parameter {
    Parameter { name, about, required: false }
}

/// All presets, by name.
#[must_use]
pub const fn list() -> &'static [Preset] {
    platforms::ALL
}

/// What every preset takes, besides its own parameters.
#[must_use]
pub const fn common_parameters() -> &'static [Parameter] {
    COMMON
}

/// The registration of a workload on a platform.
pub fn registration(
    preset: &str,
    parameters: &BTreeMap<String, String>,
) -> Result<WorkloadRegistration, PresetError> {
    let known = list().iter().find(|known| known.name == preset).ok_or_else(|| PresetError::Unknown {
        preset: preset.to_owned(),
        nearest: nearest(preset, list().iter().map(|known| known.name)),
    })?;
    let parameters = Parameters::new(known, parameters)?;
    let Draft { issuer, conditions, profile, max_lifetime } = (known.build)(&parameters)?;
    let keys = match (parameters.optional("jwks-uri"), parameters.optional("jwks")) {
        (Some(uri), None) => KeySource::uri(uri)?,
        (None, Some(set)) => KeySource::inline(set)?,
        (None, None) if profile == Profile::JwtSvid => return Err(parameters.missing("jwks-uri")),
        (None, None) => KeySource::Discovery,
        (Some(_), Some(_)) => return Err(parameters.wrong("jwks", "there is jwks-uri as well: keep one")),
    };
    let max_lifetime = match parameters.optional("max-lifetime") {
        None => max_lifetime,
        Some(text) => {
            text.parse().ok().filter(|seconds| (1..=max_lifetime).contains(seconds)).ok_or_else(|| {
                parameters.wrong("max-lifetime", &format!("it is 1 to {max_lifetime} seconds"))
            })?
        }
    };
    Ok(WorkloadRegistration {
        issuer: RegisteredText::new("issuer", issuer)?,
        keys,
        audience: match parameters.optional("audience") {
            Some(audience) => AudienceRule::other(audience)?,
            None => AudienceRule::default(),
        },
        conditions: Conditions::new(&conditions)?,
        profile,
        max_lifetime: Some(max_lifetime),
    })
}

/// A claim is this text.
fn equals(claim: &str, value: &str) -> Value {
    json!({ "claim": claim, "equals": value })
}

/// A nested claim is this text.
fn nested(path: &[&str], value: &str) -> Value {
    json!({ "claim": path, "equals": value })
}

/// A claim is this text, or as this pattern says if there is a star in it.
fn matches(claim: &str, pattern: &str) -> Value {
    if pattern.contains('*') { json!({ "claim": claim, "glob": pattern }) } else { equals(claim, pattern) }
}

#[cfg(test)]
mod tests;
