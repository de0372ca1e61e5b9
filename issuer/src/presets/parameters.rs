//! The parameters of a preset, checked.

use std::collections::BTreeMap;

use tessera_url::PlainHttp;

use super::{COMMON, Parameter, Preset};
use crate::domain::{ConditionsError, RegistrationError};
use crate::suggest::nearest;

/// Longest value of a parameter, in bytes; the key set aside.
const MAX_VALUE: usize = 512;

/// Why a preset makes no registration.
#[derive(Debug, thiserror::Error)]
pub enum PresetError {
    /// There is none of that name.
    #[error("there is no preset `{preset}`{}", hint(*nearest))]
    Unknown {
        /// The name.
        preset: String,
        /// One like it.
        nearest: Option<&'static str>,
    },
    /// The preset has no such parameter.
    #[error("the preset `{preset}` has no parameter `{parameter}`{}", hint(*nearest))]
    UnknownParameter {
        /// The preset.
        preset: &'static str,
        /// The name.
        parameter: String,
        /// One like it.
        nearest: Option<&'static str>,
    },
    /// A parameter is absent that has to be there.
    #[error("the preset `{preset}` needs the parameter `{parameter}`")]
    Missing {
        /// The preset.
        preset: &'static str,
        /// The parameter.
        parameter: &'static str,
    },
    /// A parameter cannot be what it is.
    #[error("the parameter `{parameter}` of the preset `{preset}` is unusable: {problem}")]
    Value {
        /// The preset.
        preset: &'static str,
        /// The parameter.
        parameter: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The registration as a whole cannot be taken.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// A pattern among the conditions cannot be taken.
    #[error(transparent)]
    Conditions(#[from] ConditionsError),
}

/// The parameters of a preset: each known, none empty or with a control character in it.
pub(super) struct Parameters<'p> {
    preset: &'static Preset,
    values: &'p BTreeMap<String, String>,
}

fn hint(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(" (did you mean `{name}`?)")).unwrap_or_default()
}

impl<'p> Parameters<'p> {
    pub(super) fn new(
        preset: &'static Preset,
        values: &'p BTreeMap<String, String>,
    ) -> Result<Self, PresetError> {
        let parameters = Self { preset, values };
        let known = || preset.parameters.iter().chain(COMMON);
        for (name, value) in values {
            let Some(Parameter { name, .. }) = known().find(|known| known.name == name) else {
                let nearest = nearest(name, known().map(|known| known.name));
                return Err(PresetError::UnknownParameter {
                    preset: preset.name,
                    parameter: name.clone(),
                    nearest,
                });
            };
            if value.is_empty() || value.chars().any(char::is_control) {
                return Err(parameters.wrong(name, "it is empty or has control characters in it"));
            }
            if value.len() > MAX_VALUE && *name != "jwks" {
                return Err(parameters.wrong(name, &format!("it has more than {MAX_VALUE} bytes")));
            }
        }
        match preset.parameters.iter().find(|known| known.required && !values.contains_key(known.name)) {
            Some(absent) => Err(parameters.missing(absent.name)),
            None => Ok(parameters),
        }
    }

    pub(super) fn optional(&self, name: &'static str) -> Option<&'p str> {
        self.values.get(name).map(String::as_str)
    }

    pub(super) fn required(&self, name: &'static str) -> Result<&'p str, PresetError> {
        self.optional(name).ok_or_else(|| self.missing(name))
    }

    /// One that is there, and as `good` says, or else a `problem`.
    pub(super) fn checked(
        &self,
        name: &'static str,
        good: fn(&str) -> bool,
        problem: &str,
    ) -> Result<&'p str, PresetError> {
        let value = self.required(name)?;
        if good(value) { Ok(value) } else { Err(self.wrong(name, problem)) }
    }

    /// The same of one that may be absent.
    pub(super) fn checked_if_given(
        &self,
        name: &'static str,
        good: fn(&str) -> bool,
        problem: &str,
    ) -> Result<Option<&'p str>, PresetError> {
        self.optional(name).map(|_| self.checked(name, good, problem)).transpose()
    }

    /// A URL that can be an issuer: https, without query and fragment, and with `default` if it is absent.
    pub(super) fn issuer(&self, default: Option<&'static str>) -> Result<&'p str, PresetError> {
        let is_issuer =
            |text: &str| tessera_url::check(text, PlainHttp::Never).is_ok() && !text.contains('?');
        match default {
            Some(default) if self.optional("issuer").is_none() => Ok(default),
            _ => self.checked("issuer", is_issuer, "expected an https URL, as it stands in `iss`"),
        }
    }

    pub(super) fn missing(&self, parameter: &'static str) -> PresetError {
        PresetError::Missing { preset: self.preset.name, parameter }
    }

    pub(super) fn wrong(&self, parameter: &'static str, problem: &str) -> PresetError {
        PresetError::Value { preset: self.preset.name, parameter, problem: problem.to_owned() }
    }
}
