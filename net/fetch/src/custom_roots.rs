//! Clients that trust one file of root certificates alone.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use reqwest::{Certificate, Client};

use super::error::FetchError;
use super::origin::Origin;
use super::settings_file::{SettingsFileError, first_read, read_roots, roots};

/// The client of one file of roots, made anew when the file has changed.
#[derive(Debug)]
pub(super) struct CustomRoots {
    /// Whose roots these are; `None` if all origins' without their own.
    origin: Option<Origin>,
    path: PathBuf,
    current: Mutex<(Vec<u8>, Client)>,
}

impl CustomRoots {
    /// Reads the roots for the first time. `make` makes a client that trusts them alone.
    pub(super) fn load(
        origin: Option<Origin>,
        path: &Path,
        make: impl Fn(Vec<Certificate>) -> Result<Client, FetchError>,
    ) -> Result<Self, FetchError> {
        let parsed = first_read(path).and_then(|pem| Ok((roots(path, &pem)?, pem)));
        let (roots, pem) = parsed.map_err(|source| unusable(origin.as_ref(), source))?;
        let client = make(roots)?;
        Ok(Self { origin, path: path.to_owned(), current: Mutex::new((pem, client)) })
    }

    /// The client for what the file holds now.
    pub(super) async fn client(
        &self,
        make: impl Fn(Vec<Certificate>) -> Result<Client, FetchError>,
    ) -> Result<Client, FetchError> {
        let unusable = |source| unusable(self.origin.as_ref(), source);
        let pem = read_roots(&self.path).await.map_err(unusable)?;
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.0 != pem {
            let client = make(roots(&self.path, &pem).map_err(unusable)?)?;
            *current = (pem, client);
        }
        Ok(current.1.clone())
    }
}

fn unusable(origin: Option<&Origin>, source: SettingsFileError) -> FetchError {
    match origin {
        Some(origin) => FetchError::Origin { origin: origin.clone(), source },
        None => FetchError::Roots { source },
    }
}
