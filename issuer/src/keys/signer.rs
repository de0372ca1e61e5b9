//! The seam behind which private keys sign, and what is signed with them.

use std::fmt;
use std::future::Ready;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{BoxFuture, Either};
use serde::Serialize;
use serde_json::json;

use crate::domain::Algorithm;

/// `typ` of an access token (RFC 9068 §2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// Bytes that a token is given room for beside header and claims: two points, and the signature of an RSA key of 2048
/// bits in base64url.
const SIGNATURE_ROOM: usize = 2 + 342;

/// The seam behind which a private key signs: here in memory, elsewhere in a hardware module.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The `kid` of the key.
    fn key_id(&self) -> &str;
    /// The `alg` of its signatures.
    fn algorithm(&self) -> Algorithm;
    /// The protected header of every access token that it signs (RFC 9068 §2.1), in base64url.
    fn header(&self) -> &str;
    /// Signs `message` in the form that JWS wants for [`algorithm`](Self::algorithm) (RFC 7518 §3).
    fn sign(&self, message: &[u8]) -> Signature<'_>;
}

/// A signature, or the promise of one: a key in memory has signed at once, without a box or a wait; a module is waited
/// for.
pub type Signature<'a> =
    Either<Ready<Result<Vec<u8>, SigningError>>, BoxFuture<'a, Result<Vec<u8>, SigningError>>>;

/// No signature came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The key did not sign.
    #[error("the key did not sign")]
    Key,
    /// The key's module is not heard of in time.
    #[error("the key did not sign in time")]
    Slow,
    /// The claims could not be written as JSON.
    #[error("the token could not be written")]
    Encoding,
}

/// Signs `claims` as an access token in JWS compact serialisation (RFC 7515 §3.1, RFC 9068 §2).
pub async fn sign_token<C: Serialize + Sync>(
    signer: &dyn Signer,
    claims: &C,
) -> Result<String, SigningError> {
    sign(signer, signer.header(), claims).await
}

/// Signs `claims` as another JWT, of type `typ` (RFC 7519 §5.1).
pub async fn sign_jwt<C: Serialize + Sync>(
    signer: &dyn Signer,
    typ: &str,
    claims: &C,
) -> Result<String, SigningError> {
    let header = protected_header(typ, signer.algorithm(), signer.key_id());
    sign(signer, &header, claims).await
}

/// The protected header of an access token, in base64url. It is the same for all tokens of a key, so that it is made
/// once.
pub(super) fn access_token_header(algorithm: Algorithm, kid: &str) -> String {
    protected_header(ACCESS_TOKEN_TYPE, algorithm, kid)
}

fn protected_header(typ: &str, algorithm: Algorithm, kid: &str) -> String {
    let header = json!({ "typ": typ, "alg": algorithm.as_str(), "kid": kid });
    URL_SAFE_NO_PAD.encode(header.to_string())
}

async fn sign<C: Serialize + Sync>(
    signer: &dyn Signer,
    header: &str,
    claims: &C,
) -> Result<String, SigningError> {
    let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Encoding)?;
    let encoded = claims.len().div_ceil(3) * 4;
    let mut token = String::with_capacity(header.len() + encoded + SIGNATURE_ROOM);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
    let signature = signer.sign(token.as_bytes()).await?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}
