//! A variant in the race: its Envoy, and the request that is put to it.

use std::{error::Error, fs, time::Duration};

use http::StatusCode;
use tessera_tests::{
    envoy::{Envoy, Options},
    http::get,
    token::Token,
};
use url::Url;

use super::{
    Parts, configuration, load,
    material::Material,
    subject::{self, Kind, Variant},
};
use crate::{context::refused, failure::Failure};

/// An Envoy that runs.
pub(super) struct Lane {
    row: String,
    variant: Variant,
    envoy: Envoy,
    process: u32,
    url: Url,
    token: Token,
}

impl Lane {
    pub(super) async fn start(
        parts: &Parts,
        kind: Kind,
        variant: Variant,
        material: &Material,
    ) -> Result<Self, Failure> {
        let row = subject::row(kind, variant);
        let configuration = configuration::of(parts, kind, variant, material);
        let envoy = Envoy::start(&parts.envoy, &configuration, &Options::default()).await;
        let envoy = envoy.map_err(|error| broken(&row, &error))?;
        let listener = envoy.listener(configuration::LISTENER).await;
        let url = listener.and_then(|listener| listener.join(configuration::PATH).ok());
        let (Some(process), Some(url)) = (envoy.id(), url) else {
            return Err(wrong(&row, "has no listener"));
        };
        Ok(Self { row, variant, envoy, process, url, token: material.token.clone() })
    }

    pub(super) fn row(&self) -> &str {
        &self.row
    }

    pub(super) fn variant(&self) -> Variant {
        self.variant
    }

    /// Sees that it lets the token through and, if it is one that verifies, nothing else: figures of a filter that
    /// lets everything through would mean nothing. The good token comes first, so that a cache has it.
    pub(super) async fn verify(&self) -> Result<(), Failure> {
        let forged = self.token.with_other_signature();
        for (what, token, let_through) in [
            ("a good token", Some(&self.token), true),
            ("the good token once more", Some(&self.token), true),
            ("a token with another signature", Some(&forged), !self.variant.verifies()),
            ("no token", None, !self.variant.verifies()),
        ] {
            let mut call = get(self.url.clone());
            if let Some(token) = token {
                call = call.bearer(token.as_str());
            }
            let status = call.send().await.map_err(|error| broken(&self.row, &error))?.status;
            let expected = if let_through { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            if status != expected {
                return Err(wrong(&self.row, &format!("answered {what} by {status}, not by {expected}")));
            }
        }
        Ok(())
    }

    /// A turn under load: the processor time that a request took, in µs.
    pub(super) async fn turn(&self, length: Duration) -> Result<f64, Failure> {
        let before = load::processor_time(self.process)?;
        let requests = load::put_on(&self.url, &self.authorization(), length).await?;
        let time = load::processor_time(self.process)?.saturating_sub(before);
        Ok(time.as_secs_f64() * 1e6 / f64::from(requests))
    }

    /// How to put load on it from outside.
    pub(super) fn invitation(&self) -> Result<String, Failure> {
        // In a file, not on the screen: a terminal's scrollback is no place for a credential.
        let file = self.envoy.folder().join("authorization");
        fs::write(&file, self.authorization()).map_err(|source| refused("write", &file, source))?;
        Ok(format!(
            "{}: process {}\n  {} -d10s -H \"authorization: $(cat {})\" {}",
            self.row,
            self.process,
            load::WRK.join(" "),
            file.display(),
            self.url,
        ))
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.token.as_str())
    }
}

fn wrong(row: &str, problem: &str) -> Failure {
    Failure::Check {
        what: format!("the Envoy of {row} {problem}"),
        remedy: "cargo xtask test envoy   # the same filter, tested".to_owned(),
    }
}

fn broken(row: &str, error: &dyn Error) -> Failure {
    let mut what = format!("failed: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        what = format!("{what}: {error}");
        cause = error.source();
    }
    wrong(row, &what)
}
