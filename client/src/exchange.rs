//! One exchange with the token endpoint: a credential for a token, in a bounded number of attempts.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use tessera_fetch::body;
use tessera_fetch::{Destination, FetchError, Fetcher, chain};
use url::form_urlencoded::{Serializer, byte_serialize};
use zeroize::Zeroizing;

use crate::cache::{FetchedToken, LIFETIME_DEFAULT};
use crate::credential::{Credential, Kind, Method};
use crate::endpoint::Endpoint;
use crate::error::TokenError;
use crate::request::Request;
use crate::secret::AccessToken;

/// Bytes in an answer. A token has at most some kilobytes; header limits elsewhere forbid more.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// The pauses after the first and the second attempt that failed for an ephemeral reason; the third is the last.
const PAUSES: [Duration; 2] = [Duration::from_millis(250), Duration::from_secs(1)];

/// The longest `Retry-After` that an exchange waits for itself. A longer one ends it, and the cache keeps it.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(2);

/// The grant types (RFC 6749 §4.4.2 and RFC 7523 §2.1).
const CLIENT_CREDENTIALS: &str = "client_credentials";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) client: reqwest::Client,
    pub(crate) fetcher: Fetcher,
    pub(crate) endpoint: Endpoint,
    pub(crate) credential: Credential,
    /// For all attempts together.
    pub(crate) timeout: Duration,
}

/// RFC 6749 §5.1.
#[derive(Deserialize)]
struct Success {
    access_token: String,
    token_type: String,
    expires_in: Option<u64>,
    scope: Option<String>,
}

/// RFC 6749 §5.2.
#[derive(Deserialize)]
struct Failure {
    error: String,
    error_description: Option<String>,
}

impl Exchange {
    pub(crate) async fn run(&self, request: &Request) -> Result<FetchedToken, TokenError> {
        match tokio::time::timeout(self.timeout, self.attempts(request)).await {
            Ok(outcome) => outcome,
            Err(_elapsed) => Err(TokenError::Deadline { after: self.timeout }),
        }
    }

    async fn attempts(&self, request: &Request) -> Result<FetchedToken, TokenError> {
        for pause in PAUSES {
            let error = match self.attempt(request).await {
                Ok(fetched) => return Ok(fetched),
                Err(error) => error,
            };
            let Some(wanted) = retry_in(&error) else { return Err(error) };
            tracing::debug!(
                audience = request.audience(),
                error = chain(&error),
                "no token yet, trying again"
            );
            tokio::time::sleep(pause.max(wanted)).await;
        }
        self.attempt(request).await
    }

    async fn attempt(&self, request: &Request) -> Result<FetchedToken, TokenError> {
        let endpoint = self.endpoint.resolve(&self.fetcher).await?;
        let call = self.client.post(endpoint.as_url().clone()).header(ACCEPT, "application/json");
        let answer = self.present(call, request).await?.send().await.map_err(|error| {
            TokenError::Unreachable { endpoint: endpoint.clone(), source: Arc::new(error.without_url()) }
        })?;
        self.read(endpoint, answer, request).await
    }

    /// Puts the credential and the request into `call`.
    async fn present(&self, call: RequestBuilder, request: &Request) -> Result<RequestBuilder, TokenError> {
        let mut call = call.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        let assertion;
        let mut form: Vec<(&str, &str)> = Vec::new();
        match &self.credential.0 {
            Kind::Secret { client_id, secret, method } => {
                form.push(("grant_type", CLIENT_CREDENTIALS));
                match method {
                    // RFC 6749 §2.3.1: both halves form-encoded, so that a colon in the first is no separator.
                    Method::Basic => {
                        let secret = Zeroizing::new(form_encoded(secret.expose()));
                        call = call.basic_auth(form_encoded(client_id), Some(&*secret));
                    }
                    Method::Post => {
                        form.extend([("client_id", client_id.as_str()), ("client_secret", secret.expose())]);
                    }
                }
            }
            Kind::Assertion { client_id, provider } => {
                assertion = provider
                    .assertion()
                    .await
                    .map_err(|error| TokenError::Assertion { source: Arc::new(error) })?;
                form.extend([("grant_type", JWT_BEARER), ("assertion", assertion.expose())]);
                form.extend(client_id.iter().map(|id| ("client_id", id.as_str())));
            }
        }
        form.push(("audience", request.audience()));
        let scope = request.scopes().collect::<Vec<_>>().join(" ");
        if !scope.is_empty() {
            form.push(("scope", &scope));
        }
        let form = Serializer::new(String::new()).extend_pairs(form).finish();
        Ok(call.body(Bytes::from_owner(Zeroizing::new(form))))
    }

    async fn read(
        &self,
        endpoint: &Destination,
        answer: Response,
        request: &Request,
    ) -> Result<FetchedToken, TokenError> {
        let (status, retry_after) = (answer.status(), retry_after(answer.headers()));
        let other = || TokenError::Status { endpoint: endpoint.clone(), status, retry_after };
        if !(status == StatusCode::OK || status.is_client_error()) || status == StatusCode::TOO_MANY_REQUESTS
        {
            return Err(other());
        }
        let bytes = body::collect(reqwest::Body::from(answer), ANSWER_BYTES_MAX, self.timeout)
            .await
            .map_err(|_| TokenError::Body { endpoint: endpoint.clone(), limit: ANSWER_BYTES_MAX })?;
        if status == StatusCode::OK {
            return fetched_token(endpoint, &bytes, request);
        }
        match serde_json::from_slice::<Failure>(&bytes) {
            Ok(failure) => Err(TokenError::refused(
                endpoint.clone(),
                &failure.error,
                failure.error_description.as_deref(),
            )),
            Err(_) => Err(other()),
        }
    }
}

/// Reads an access token response. A parser's message may repeat what it read, so none is passed on.
fn fetched_token(
    endpoint: &Destination,
    bytes: &[u8],
    request: &Request,
) -> Result<FetchedToken, TokenError> {
    let malformed = |reason| TokenError::Malformed { endpoint: endpoint.clone(), reason };
    let Success { access_token, token_type, expires_in, scope } = serde_json::from_slice(bytes)
        .map_err(|_| malformed("expected JSON with access_token, token_type and expires_in [s]"))?;
    let access_token = Zeroizing::new(access_token);
    if !token_type.eq_ignore_ascii_case("Bearer") {
        return Err(malformed("the token_type is not Bearer"));
    }
    let token =
        AccessToken::parse(access_token).ok_or_else(|| malformed("the access_token is no b64token"))?;
    // RFC 6749 §5.1: without the member, what was asked for is granted.
    let left_out = scope.and_then(|granted| {
        let granted: Vec<&str> = granted.split(' ').collect();
        request.scopes().find(|asked| !granted.contains(asked)).map(str::to_owned)
    });
    if let Some(missing) = left_out {
        return Err(TokenError::ScopeReduced { missing });
    }
    Ok(FetchedToken { token, lifetime: expires_in.map_or(LIFETIME_DEFAULT, Duration::from_secs) })
}

fn form_encoded(text: &str) -> String {
    byte_serialize(text.as_bytes()).collect()
}

/// RFC 9110 §10.2.3, in its form of seconds; a date would need a clock that agrees with the server's.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// How long to leave the server alone before another attempt; `None` if another attempt would fail like this one.
fn retry_in(error: &TokenError) -> Option<Duration> {
    let is_ephemeral = match error {
        TokenError::Unreachable { source, .. } => source.is_connect(),
        TokenError::Status { status, .. } => is_ephemeral_status(*status),
        TokenError::Metadata { source } => match &**source {
            FetchError::Unreachable { source, .. } => source.is_connect(),
            FetchError::Status { status, .. } => is_ephemeral_status(*status),
            _ => false,
        },
        _ => false,
    };
    let wanted = error.retry_after().unwrap_or_default();
    (is_ephemeral && wanted <= RETRY_AFTER_MAX).then_some(wanted)
}

fn is_ephemeral_status(status: StatusCode) -> bool {
    status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS
}
