//! A private key in a token, as what signs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt as _;
use futures_util::future::Either;
use jsonwebtoken::DecodingKey;
use jsonwebtoken::jwk::Jwk;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::ModuleError;
use super::method::Method;
use super::object;
use super::token::Token;
use crate::domain::Algorithm;
use crate::keys::signer::{Signature, Signer, SigningError, access_token_header};

/// How long a signature is waited for, its turn with the token included. A module on the network answers in
/// milliseconds; a client has given up long before.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a key signs when it is opened. No token starts so: the header of a JWT is in base64url.
const TRIAL: &[u8] = b"tessera: this key signs";

/// Signs in a token.
pub(super) struct ModuleSigner {
    token: Arc<Token>,
    kid: Arc<str>,
    header: String,
    method: Method,
}

impl ModuleSigner {
    pub(super) fn new(token: Arc<Token>, kid: &str, method: Method) -> Self {
        Self { token, kid: kid.into(), header: access_token_header(method.algorithm, kid), method }
    }

    /// Whether what it signs is verified by `public`. Waits for the token.
    pub(super) fn proves(&self, public: &Jwk) -> Result<bool, ModuleError> {
        let signature = sign(&self.token, &self.kid, self.method, &self.method.input(TRIAL))?;
        let Ok(algorithm) = self.method.algorithm.as_str().parse() else { return Ok(false) };
        let Ok(key) = DecodingKey::from_jwk(public) else { return Ok(false) };
        let signature = URL_SAFE_NO_PAD.encode(signature);
        Ok(jsonwebtoken::crypto::verify(&signature, TRIAL, &key, algorithm).unwrap_or(false))
    }
}

/// Waits for the token.
fn sign(token: &Token, kid: &str, method: Method, input: &[u8]) -> Result<Vec<u8>, ModuleError> {
    let signature = token.in_session(|lane| {
        let key = object::private(token, lane, kid)?;
        Ok(lane.session.sign(&method.sign(), key, input)?)
    })?;
    match method.signature_bytes() {
        Some(bytes) if bytes != signature.len() => Err(ModuleError::Answer {
            token: token.label().to_owned(),
            what: "signature of the right length",
        }),
        _ => Ok(signature),
    }
}

impl Signer for ModuleSigner {
    fn key_id(&self) -> &str {
        &self.kid
    }

    fn algorithm(&self) -> Algorithm {
        self.method.algorithm
    }

    fn header(&self) -> &str {
        &self.header
    }

    fn sign(&self, message: &[u8]) -> Signature<'_> {
        let (token, kid, method) = (Arc::clone(&self.token), Arc::clone(&self.kid), self.method);
        let input = method.input(message);
        let signed = async move {
            let permit = Arc::clone(token.permits()).acquire_owned().await.map_err(|_| SigningError::Key)?;
            // The permit goes along: who stops waiting does not end what the token is doing.
            let signed = spawn_blocking(move || {
                let signed = sign(&token, &kid, method, &input);
                drop(permit);
                signed.map_err(|error| {
                    let (kid, error) = (&*kid, tessera_fetch::chain(&error));
                    tracing::error!(kid, error, "the PKCS #11 token does not sign");
                    SigningError::Key
                })
            });
            signed.await.unwrap_or(Err(SigningError::Key))
        };
        Either::Right(
            timeout(PATIENCE, signed).map(|in_time| in_time.unwrap_or(Err(SigningError::Slow))).boxed(),
        )
    }
}

impl fmt::Debug for ModuleSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModuleSigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}
