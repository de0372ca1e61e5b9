//! Making, opening and using a signing key.

use std::fmt;

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
    RsaPublicKeyComponents,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk, KeyAlgorithm, PublicKeyUse, RSAKeyParameters, RSAKeyType, ThumbprintHash,
};
use serde::Serialize;
use serde_json::json;
use zeroize::Zeroizing;

use super::kek::{KeyEncryptionKey, SealError};
use crate::domain::{Algorithm, KeyState, StoredKey, UnixTime};

/// `typ` of an access token (RFC 9068 §2.1).
const ACCESS_TOKEN_TYPE: &str = "at+jwt";
/// Bytes that a token is given room for beside header and claims: two points, and the signature of an RSA key of 2048
/// bits in base64url.
const SIGNATURE_ROOM: usize = 2 + 342;
/// Size of a new RSA key. 2048 bits are what every verifier takes; the key is replaced long before it ages.
const RSA_KEY_SIZE: KeySize = KeySize::Rsa2048;

/// The seam behind which a private key signs: here in memory, elsewhere in a hardware module.
pub trait Signer: fmt::Debug + Send + Sync {
    /// The `kid` of the key.
    fn key_id(&self) -> &str;
    /// The `alg` of its signatures.
    fn algorithm(&self) -> Algorithm;
    /// The protected header of every access token that it signs (RFC 9068 §2.1), in base64url.
    fn header(&self) -> &str;
    /// Signs `message` in the form that JWS wants for [`algorithm`](Self::algorithm) (RFC 7518 §3).
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError>;
}

/// No signature came.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SigningError {
    /// The key did not sign.
    #[error("the key did not sign")]
    Key,
    /// The claims could not be written as JSON.
    #[error("the token could not be written")]
    Encoding,
}

/// Why a signing key cannot be made or used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The generator failed.
    #[error("cannot generate an {0} key")]
    Generate(Algorithm),
    /// What was opened is not a private key of its algorithm.
    #[error("the stored {0} key is malformed")]
    Malformed(Algorithm),
    /// It cannot be sealed or opened.
    #[error("the signing key {kid} is closed")]
    Sealed {
        /// Its id.
        kid: String,
        /// Why.
        source: SealError,
    },
}

/// A parsed private key. Parsing an RSA key costs more than signing with it, so it happens once.
enum Private {
    Es256(EcdsaKeyPair),
    Rs256(RsaKeyPair),
}

struct MemorySigner {
    kid: String,
    header: String,
    private: Private,
}

/// Makes a new key in `state`, sealed.
pub fn generate(
    algorithm: Algorithm,
    state: KeyState,
    kek: &KeyEncryptionKey,
    now: UnixTime,
) -> Result<StoredKey, KeyError> {
    let pkcs8 = generate_pkcs8(algorithm).ok_or(KeyError::Generate(algorithm))?;
    let private = Private::parse(algorithm, &pkcs8)?;
    let mut jwk = private.public();
    let kid = jwk.thumbprint(ThumbprintHash::SHA256).map_err(|_| KeyError::Generate(algorithm))?;
    jwk.common.key_id = Some(kid.clone());
    let sealed =
        kek.seal(&kid, algorithm, &pkcs8).map_err(|source| KeyError::Sealed { kid: kid.clone(), source })?;
    Ok(StoredKey { kid, algorithm, state, since: now, rotation_asked_at: None, jwk, sealed, created_at: now })
}

/// Opens a stored key for signing.
pub fn open(key: &StoredKey, kek: &KeyEncryptionKey) -> Result<Box<dyn Signer>, KeyError> {
    let pkcs8 = kek
        .open(&key.kid, key.algorithm, &key.sealed)
        .map_err(|source| KeyError::Sealed { kid: key.kid.clone(), source })?;
    let private = Private::parse(key.algorithm, &pkcs8)?;
    let header = access_token_header(key.algorithm, &key.kid);
    Ok(Box::new(MemorySigner { kid: key.kid.clone(), header, private }))
}

/// The protected header of an access token (RFC 9068 §2.1) in base64url. It is the same for all tokens of a key, so
/// that it is made once.
fn access_token_header(algorithm: Algorithm, kid: &str) -> String {
    let header = json!({ "typ": ACCESS_TOKEN_TYPE, "alg": algorithm.as_str(), "kid": kid });
    URL_SAFE_NO_PAD.encode(header.to_string())
}

/// Signs `claims` as an access token in JWS compact serialisation (RFC 7515 §3.1, RFC 9068 §2).
pub fn sign_token<C: Serialize>(signer: &dyn Signer, claims: &C) -> Result<String, SigningError> {
    let claims = serde_json::to_vec(claims).map_err(|_| SigningError::Encoding)?;
    let header = signer.header();
    let encoded = claims.len().div_ceil(3) * 4;
    let mut token = String::with_capacity(header.len() + encoded + SIGNATURE_ROOM);
    token.push_str(header);
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(&claims, &mut token);
    let signature = signer.sign(token.as_bytes())?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}

fn generate_pkcs8(algorithm: Algorithm) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = match algorithm {
        Algorithm::Es256 => {
            let document =
                EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).ok()?.to_pkcs8v1().ok()?;
            document.as_ref().to_vec()
        }
        Algorithm::Rs256 => {
            let der: Pkcs8V1Der<'_> = RsaKeyPair::generate(RSA_KEY_SIZE).ok()?.as_der().ok()?;
            der.as_ref().to_vec()
        }
    };
    Some(Zeroizing::new(bytes))
}

impl Private {
    fn parse(algorithm: Algorithm, pkcs8: &[u8]) -> Result<Self, KeyError> {
        match algorithm {
            Algorithm::Es256 => {
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Self::Es256)
            }
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Self::Rs256),
        }
        .map_err(|_| KeyError::Malformed(algorithm))
    }

    /// The public half as it is published (RFC 7517 §4), still without its id.
    fn public(&self) -> Jwk {
        let (algorithm, key_algorithm) = match self {
            Self::Es256(pair) => {
                // SEC 1 §2.3.3, uncompressed: 0x04, then both coordinates.
                let (_, point) = pair.public_key().as_ref().split_at(1);
                let (x, y) = point.split_at(point.len() / 2);
                let parameters = EllipticCurveKeyParameters {
                    key_type: EllipticCurveKeyType::EC,
                    curve: EllipticCurve::P256,
                    x: URL_SAFE_NO_PAD.encode(x),
                    y: URL_SAFE_NO_PAD.encode(y),
                };
                (AlgorithmParameters::EllipticCurve(parameters), KeyAlgorithm::ES256)
            }
            Self::Rs256(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
                let parameters = RSAKeyParameters {
                    key_type: RSAKeyType::RSA,
                    n: URL_SAFE_NO_PAD.encode(public.n),
                    e: URL_SAFE_NO_PAD.encode(public.e),
                };
                (AlgorithmParameters::RSA(parameters), KeyAlgorithm::RS256)
            }
        };
        let common = CommonParameters {
            public_key_use: Some(PublicKeyUse::Signature),
            key_algorithm: Some(key_algorithm),
            ..CommonParameters::default()
        };
        Jwk { common, algorithm }
    }
}

impl Signer for MemorySigner {
    fn key_id(&self) -> &str {
        &self.kid
    }

    fn algorithm(&self) -> Algorithm {
        match self.private {
            Private::Es256(_) => Algorithm::Es256,
            Private::Rs256(_) => Algorithm::Rs256,
        }
    }

    fn header(&self) -> &str {
        &self.header
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SigningError> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Es256(pair) => pair.sign(&random, message).map(|signature| signature.as_ref().to_vec()),
            Private::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).map(|()| signature)
            }
        }
        .map_err(|_| SigningError::Key)
    }
}

impl fmt::Debug for MemorySigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemorySigner").field("kid", &self.kid).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::{DecodingKey, Validation, decode};
    use serde_json::Value;

    use super::*;

    const NOW: UnixTime = UnixTime::from_seconds(1_000_000);

    fn kek() -> KeyEncryptionKey {
        let folder = tempfile::tempdir().unwrap();
        KeyEncryptionKey::create(&folder.path().join("kek")).unwrap()
    }

    #[test]
    fn another_library_accepts_what_is_signed() {
        let kek = kek();
        for (algorithm, theirs) in [
            (Algorithm::Es256, jsonwebtoken::Algorithm::ES256),
            (Algorithm::Rs256, jsonwebtoken::Algorithm::RS256),
        ] {
            let key = generate(algorithm, KeyState::Active, &kek, NOW).unwrap();
            let signer = open(&key, &kek).unwrap();
            let token = sign_token(&*signer, &json!({ "aud": "orders", "exp": 4_000_000_000_u64 })).unwrap();
            let mut validation = Validation::new(theirs);
            validation.set_audience(&["orders"]);
            let decoded =
                decode::<Value>(&token, &DecodingKey::from_jwk(&key.jwk).unwrap(), &validation).unwrap();
            assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
            assert_eq!(decoded.header.kid.as_deref(), Some(&*key.kid));
        }
    }

    #[test]
    fn the_key_id_is_the_thumbprint_and_the_jwk_is_public() {
        let key = generate(Algorithm::Es256, KeyState::Next, &kek(), NOW).unwrap();
        let jwk = serde_json::to_value(&key.jwk).unwrap();
        let mut members: Vec<_> = jwk.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(jwk["kid"], json!(key.kid));
        assert_eq!(key.kid.len(), 43);
    }

    #[test]
    fn a_key_does_not_open_under_another_key_encryption_key() {
        let key = generate(Algorithm::Es256, KeyState::Next, &kek(), NOW).unwrap();
        let refused = open(&key, &kek()).unwrap_err();
        assert!(matches!(refused, KeyError::Sealed { source: SealError::Open, .. }), "{refused}");
    }

    #[test]
    fn debug_shows_no_key() {
        let kek = kek();
        let key = generate(Algorithm::Es256, KeyState::Next, &kek, NOW).unwrap();
        let shown = format!("{key:?} {:?}", open(&key, &kek).unwrap());
        assert!(!shown.contains(&key.sealed), "{shown}");
        assert!(shown.ends_with(&format!("MemorySigner {{ kid: {:?}, .. }}", key.kid)), "{shown}");
    }
}
