//! A subject of the measurement: the Envoy of one row, and the request that is put to it.

use std::{fs, path::PathBuf, time::Duration};

use http::StatusCode;
use tessera_tests::{
    envoy::{Envoy, Options},
    http::get,
    token::Token,
};
use url::Url;

use crate::{
    configuration,
    error::{BenchError, failed, refused},
    load,
    material::Material,
    row::{self, Kind, Variant},
};

/// The programs and artefacts that every subject is made of.
pub(crate) struct Programs {
    pub(crate) envoy: PathBuf,
    pub(crate) filter: PathBuf,
    pub(crate) noop: PathBuf,
    /// A Python interpreter that has PyJWT.
    pub(crate) python: PathBuf,
    /// The folder of `judge.py`.
    pub(crate) judges: PathBuf,
}

/// An Envoy that runs.
pub(crate) struct Subject {
    row: String,
    variant: Variant,
    envoy: Envoy,
    process: u32,
    url: Url,
    token: Token,
}

impl Subject {
    pub(crate) async fn start(
        programs: &Programs,
        kind: Kind,
        variant: Variant,
        material: &Material,
    ) -> Result<Self, BenchError> {
        let row = row::row(kind, variant);
        let configuration = configuration::of(programs, kind, variant, material);
        let envoy = Envoy::start(&programs.envoy, &configuration, &Options::default()).await;
        let envoy = envoy.map_err(|error| failed(&row, &error))?;
        let listener = envoy.listener(configuration::LISTENER).await;
        let url = listener.and_then(|listener| listener.join(configuration::PATH).ok());
        let (Some(process), Some(url)) = (envoy.id(), url) else {
            return Err(wrong(&row, "has no listener"));
        };
        Ok(Self { row, variant, envoy, process, url, token: material.token.clone() })
    }

    pub(crate) fn row(&self) -> &str {
        &self.row
    }

    pub(crate) fn variant(&self) -> Variant {
        self.variant
    }

    /// Sees that it lets the token through and, if it is one that verifies, nothing else: figures of a filter that
    /// lets everything through would mean nothing. The good token comes first, so that a cache has it.
    pub(crate) async fn verify(&self) -> Result<(), BenchError> {
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
            let status = call.send().await.map_err(|error| failed(&self.row, &error))?.status;
            let expected = if let_through { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
            if status != expected {
                return Err(wrong(&self.row, &format!("answered {what} by {status}, not by {expected}")));
            }
        }
        Ok(())
    }

    /// A turn under load: the processor time that a request took, in µs.
    pub(crate) async fn turn(&self, length: Duration) -> Result<f64, BenchError> {
        let before = load::processor_time(self.process)?;
        let requests = load::put_on(&self.url, &self.authorization(), length).await?;
        let time = load::processor_time(self.process)?.saturating_sub(before);
        Ok(time.as_secs_f64() * 1e6 / f64::from(requests))
    }

    /// How to put load on it from outside.
    pub(crate) fn invitation(&self) -> Result<String, BenchError> {
        // In a file, not on the screen: a terminal's scrollback is no place for a credential.
        let file = self.envoy.folder().join("authorization");
        fs::write(&file, self.authorization()).map_err(refused(format!("write {}", file.display())))?;
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

fn wrong(row: &str, problem: &str) -> BenchError {
    BenchError::Envoy { row: row.to_owned(), problem: problem.to_owned() }
}
