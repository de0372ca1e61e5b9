//! One JSON Web Key (RFC 7517 §4), read into the numbers of a public key or a reason why not.

use alloc::vec::Vec;

use sha2::{Digest as _, Sha256};

use super::{Fingerprint, KeyFault, KeyUse, roca};
use crate::{
    algorithm::Algorithm,
    base64url,
    crypto::PublicKeyParts,
    excerpt::Excerpt,
    json::{Node, Object, Value},
    limits,
};

/// Members that only a private key has (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// A key that may verify signatures, as far as its members say.
pub(super) struct Jwk<'n> {
    pub(super) id: Option<&'n str>,
    /// The one algorithm that the key is for, where it says so.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) numbers: PublicKeyParts,
}

/// The `kid`, as far as it is one.
pub(super) fn id<'n>(entry: &'n Node<'_>) -> Option<&'n str> {
    match &entry.value {
        Value::Object(jwk) => string(jwk, "kid").ok().flatten(),
        _ => None,
    }
}

impl<'n> Jwk<'n> {
    pub(super) fn read(entry: &'n Node<'_>, usage: KeyUse) -> Result<Self, KeyFault> {
        let Value::Object(jwk) = &entry.value else { return Err(KeyFault::NotAnObject) };
        let kty = required(jwk, "kty")?;
        // Said first and of every type: whatever else is wrong, someone has to replace this key.
        if kty == "oct" {
            return Err(KeyFault::Symmetric);
        }
        if PRIVATE_MEMBERS.iter().any(|member| jwk.get(member).is_some()) {
            return Err(KeyFault::Private);
        }
        let id = string(jwk, "kid")?;
        if id.is_some_and(|kid| kid.len() > limits::KEY_ID_BYTES) {
            return Err(KeyFault::MemberMalformed("kid"));
        }
        match (usage, string(jwk, "use")?) {
            (KeyUse::Signatures, None | Some("sig")) | (KeyUse::JwtSvids, Some("jwt-svid")) => {}
            (KeyUse::Signatures, Some(_)) => return Err(KeyFault::NotForSignatures),
            (KeyUse::JwtSvids, _) => return Err(KeyFault::NotForJwtSvids),
        }
        if !operations_include_verify(jwk)? {
            return Err(KeyFault::NotForVerification);
        }
        let numbers = match kty {
            "RSA" => rsa(jwk)?,
            "EC" => elliptic(jwk)?,
            "OKP" => octet(jwk)?,
            _ => return Err(KeyFault::TypeUnsupported(Excerpt::new(kty))),
        };
        let unsupported = |alg| KeyFault::AlgorithmUnsupported(Excerpt::new(alg));
        let algorithm = string(jwk, "alg")?
            .map(|alg| {
                Algorithm::from_name(alg)
                    .filter(|algorithm| algorithm.key_kind() == numbers.kind())
                    .ok_or_else(|| unsupported(alg))
            })
            .transpose()?;
        Ok(Self { id, algorithm, numbers })
    }

    pub(super) fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        // Each part tells its length, so that no two keys spell the same text.
        let mut part = |bytes: &[u8]| {
            hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(bytes);
        };
        part(&[u8::from(self.id.is_some()), u8::from(self.algorithm.is_some())]);
        part(self.id.unwrap_or_default().as_bytes());
        part(self.algorithm.map_or("", Algorithm::name).as_bytes());
        match &self.numbers {
            PublicKeyParts::Rsa { modulus, exponent } => {
                part(b"RSA");
                part(modulus);
                part(&exponent.to_be_bytes());
            }
            PublicKeyParts::P256 { x, y } => {
                part(b"P-256");
                part(x);
                part(y);
            }
            PublicKeyParts::P384 { x, y } => {
                part(b"P-384");
                part(x);
                part(y);
            }
            PublicKeyParts::Ed25519 { x } => {
                part(b"Ed25519");
                part(x);
            }
        }
        hash.finalize().into()
    }
}

fn rsa(jwk: &Object<'_>) -> Result<PublicKeyParts, KeyFault> {
    let modulus = unsigned(jwk, "n")?;
    let exponent = unsigned(jwk, "e")?;
    match bits(&modulus) {
        bits if bits < limits::RSA_MODULUS_MIN_BITS => return Err(KeyFault::ModulusTooSmall(bits)),
        bits if bits > limits::RSA_MODULUS_MAX_BITS => return Err(KeyFault::ModulusTooLarge(bits)),
        _ => {}
    }
    if bits(&exponent) > limits::RSA_EXPONENT_MAX_BITS {
        return Err(KeyFault::ExponentUnusable);
    }
    let exponent = exponent.iter().fold(0, |number: u32, byte| number << 8 | u32::from(*byte));
    if exponent.is_multiple_of(2) || exponent == 1 {
        return Err(KeyFault::ExponentUnusable);
    }
    if roca::is_weak(&modulus) {
        return Err(KeyFault::ModulusWeak);
    }
    Ok(PublicKeyParts::Rsa { modulus, exponent })
}

fn elliptic(jwk: &Object<'_>) -> Result<PublicKeyParts, KeyFault> {
    match required(jwk, "crv")? {
        "P-256" => Ok(PublicKeyParts::P256 { x: fixed(jwk, "x")?, y: fixed(jwk, "y")? }),
        "P-384" => Ok(PublicKeyParts::P384 { x: fixed(jwk, "x")?, y: fixed(jwk, "y")? }),
        other => Err(KeyFault::CurveUnsupported(Excerpt::new(other))),
    }
}

fn octet(jwk: &Object<'_>) -> Result<PublicKeyParts, KeyFault> {
    match required(jwk, "crv")? {
        "Ed25519" => Ok(PublicKeyParts::Ed25519 { x: fixed(jwk, "x")? }),
        other => Err(KeyFault::CurveUnsupported(Excerpt::new(other))),
    }
}

fn string<'n>(jwk: &'n Object<'_>, member: &'static str) -> Result<Option<&'n str>, KeyFault> {
    match jwk.get(member).map(|node| &node.value) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(KeyFault::MemberMalformed(member)),
    }
}

fn required<'n>(jwk: &'n Object<'_>, member: &'static str) -> Result<&'n str, KeyFault> {
    string(jwk, member)?.ok_or(KeyFault::MemberMissing(member))
}

fn bytes(jwk: &Object<'_>, member: &'static str) -> Result<Vec<u8>, KeyFault> {
    base64url::decode(required(jwk, member)?).map_err(|_| KeyFault::MemberMalformed(member))
}

/// A coordinate, whose length is that of the curve's field (RFC 7518 §6.2.1.2, RFC 8037 §2).
fn fixed<const N: usize>(jwk: &Object<'_>, member: &'static str) -> Result<[u8; N], KeyFault> {
    bytes(jwk, member)?.try_into().map_err(|_| KeyFault::MemberMalformed(member))
}

/// A `Base64urlUInt` (RFC 7518 §2). Leading zero octets are forbidden there and common in the world, so
/// they are dropped.
fn unsigned(jwk: &Object<'_>, member: &'static str) -> Result<Vec<u8>, KeyFault> {
    let bytes = bytes(jwk, member)?;
    Ok(bytes.into_iter().skip_while(|byte| *byte == 0).collect())
}

/// The bits of a big-endian number without leading zero octets.
fn bits(number: &[u8]) -> usize {
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

fn operations_include_verify(jwk: &Object<'_>) -> Result<bool, KeyFault> {
    match jwk.get("key_ops").map(|node| &node.value) {
        None => Ok(true),
        Some(Value::Array(operations)) => Ok(operations
            .iter()
            .any(|operation| matches!(&operation.value, Value::String(name) if name == "verify"))),
        Some(_) => Err(KeyFault::MemberMalformed("key_ops")),
    }
}
