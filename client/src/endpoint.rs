//! Where tokens are asked for: told, or found in the issuer's metadata (RFC 8414).

use std::time::Duration;

use serde::Deserialize;
use tessera_fetch::{Destination, Fetcher, PlainHttp};
use tokio::sync::OnceCell;

use crate::error::TokenError;

/// Where RFC 8414 §3 puts the metadata of an OAuth 2.0 token server.
const WELL_KNOWN: &str = "/.well-known/oauth-authorization-server";

/// A metadata document has one to five kilobytes; some servers list a lot.
const METADATA_BYTES_MAX: usize = 64 * 1024;

/// Enough for DNS, TLS and one round trip across a continent, a few times over.
const METADATA_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(crate) enum Endpoint {
    Known(Destination),
    /// Found once and kept: servers move their endpoints more rarely than services restart.
    OfIssuer {
        issuer: String,
        metadata: Destination,
        plain_http: PlainHttp,
        found: OnceCell<Destination>,
    },
}

/// The members of RFC 8414 §2 that matter here.
#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    token_endpoint: String,
}

impl Endpoint {
    pub(crate) fn known(url: &str, plain_http: PlainHttp) -> Result<Self, TokenError> {
        Ok(Self::Known(token_endpoint(url, plain_http)?))
    }

    pub(crate) fn of_issuer(issuer: &str, plain_http: PlainHttp) -> Result<Self, TokenError> {
        let address = |source| TokenError::Address { what: "issuer", source };
        let parsed = Destination::parse(issuer, plain_http).map_err(address)?;
        // RFC 8414 §3.1: the well-known part goes between host and path, whose final slash is left out.
        let mut url = parsed.as_url().clone();
        let path = format!("{WELL_KNOWN}{}", url.path().trim_end_matches('/'));
        url.set_path(&path);
        url.set_query(None);
        let metadata = Destination::parse(url.as_str(), plain_http).map_err(address)?;
        Ok(Self::OfIssuer { issuer: issuer.to_owned(), metadata, plain_http, found: OnceCell::new() })
    }

    pub(crate) async fn resolve(&self, fetcher: &Fetcher) -> Result<&Destination, TokenError> {
        match self {
            Self::Known(endpoint) => Ok(endpoint),
            Self::OfIssuer { issuer, metadata, plain_http, found } => {
                found.get_or_try_init(|| discover(fetcher, issuer, metadata, *plain_http)).await
            }
        }
    }
}

async fn discover(
    fetcher: &Fetcher,
    issuer: &str,
    address: &Destination,
    plain_http: PlainHttp,
) -> Result<Destination, TokenError> {
    let document = fetcher.get(address.as_url().as_str(), METADATA_TIMEOUT, METADATA_BYTES_MAX).await?;
    let metadata: Metadata = serde_json::from_str(&document.text).map_err(|error| {
        TokenError::MetadataSyntax { address: address.clone(), line: error.line(), column: error.column() }
    })?;
    // RFC 8414 §3.3: identical, or a server could pass itself off as another.
    if metadata.issuer != issuer {
        return Err(TokenError::issuer_mismatch(issuer, &metadata.issuer));
    }
    token_endpoint(&metadata.token_endpoint, plain_http)
}

fn token_endpoint(url: &str, plain_http: PlainHttp) -> Result<Destination, TokenError> {
    Destination::parse(url, plain_http)
        .map_err(|source| TokenError::Address { what: "token endpoint", source })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_is_looked_for_where_rfc_8414_puts_it() {
        for (issuer, expected) in [
            ("https://issuer.example", "https://issuer.example/.well-known/oauth-authorization-server"),
            ("https://issuer.example/", "https://issuer.example/.well-known/oauth-authorization-server"),
            (
                "https://issuer.example/a/b",
                "https://issuer.example/.well-known/oauth-authorization-server/a/b",
            ),
            ("https://issuer.example/a/", "https://issuer.example/.well-known/oauth-authorization-server/a"),
        ] {
            let Endpoint::OfIssuer { metadata, .. } = Endpoint::of_issuer(issuer, PlainHttp::Never).unwrap()
            else {
                panic!("an issuer's endpoint must be discovered");
            };
            assert_eq!(metadata.as_url().as_str(), expected);
        }
    }

    #[test]
    fn an_address_that_would_show_the_credential_is_refused() {
        for refused in [
            Endpoint::of_issuer("http://issuer.example", PlainHttp::Loopback),
            Endpoint::known("http://127.0.0.1/token", PlainHttp::Never),
        ] {
            assert!(matches!(refused, Err(TokenError::Address { .. })), "{refused:?}");
        }
    }
}
