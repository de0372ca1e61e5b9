//! One JSON Web Key (RFC 7517 §4), read into a prepared public key or a reason why not.

use alloc::vec::Vec;

use super::KeyFault;
use crate::{
    algorithm::Algorithm,
    base64url,
    crypto::{Ed25519Key, P256Key, PublicKey, RsaKey},
    excerpt::Excerpt,
    json::{Node, Object, Value},
    limits,
};

/// Members that only a private key has (RFC 7518 §6.2.2, §6.3.2; RFC 8037 §2).
const PRIVATE_MEMBERS: [&str; 7] = ["d", "p", "q", "dp", "dq", "qi", "oth"];

/// The `kid`, as far as it is one.
pub(super) fn id<'n>(entry: &'n Node<'_>) -> Option<&'n str> {
    match &entry.value {
        Value::Object(jwk) => string(jwk, "kid").ok().flatten(),
        _ => None,
    }
}

pub(super) fn public_key(entry: &Node<'_>) -> Result<PublicKey, KeyFault> {
    let Value::Object(jwk) = &entry.value else { return Err(KeyFault::NotAnObject) };
    let kty = required(jwk, "kty")?;
    // Said first and of every type: whatever else is wrong, someone has to replace this key.
    if kty == "oct" {
        return Err(KeyFault::Symmetric);
    }
    if PRIVATE_MEMBERS.iter().any(|member| jwk.get(member).is_some()) {
        return Err(KeyFault::Private);
    }
    if string(jwk, "kid")?.is_some_and(|kid| kid.len() > limits::KEY_ID_BYTES) {
        return Err(KeyFault::MemberMalformed("kid"));
    }
    if string(jwk, "use")?.is_some_and(|usage| usage != "sig") {
        return Err(KeyFault::NotForSignatures);
    }
    if !operations_include_verify(jwk)? {
        return Err(KeyFault::NotForVerification);
    }
    let key = match kty {
        "RSA" => rsa(jwk)?,
        "EC" => p256(jwk)?,
        "OKP" => ed25519(jwk)?,
        _ => return Err(KeyFault::TypeUnsupported(Excerpt::new(kty))),
    };
    match string(jwk, "alg")? {
        Some(alg) if Algorithm::from_name(alg) != Some(key.algorithm()) => {
            Err(KeyFault::AlgorithmUnsupported(Excerpt::new(alg)))
        }
        _ => Ok(key),
    }
}

fn rsa(jwk: &Object<'_>) -> Result<PublicKey, KeyFault> {
    let modulus = unsigned(jwk, "n")?;
    let exponent = unsigned(jwk, "e")?;
    match bits(&modulus) {
        bits if bits < limits::RSA_MODULUS_MIN_BITS => return Err(KeyFault::ModulusTooSmall(bits)),
        bits if bits > limits::RSA_MODULUS_MAX_BITS => return Err(KeyFault::ModulusTooLarge(bits)),
        _ => {}
    }
    let odd = exponent.last().is_some_and(|byte| byte & 1 == 1);
    if !odd || bits(&exponent) < 2 || bits(&exponent) > limits::RSA_EXPONENT_MAX_BITS {
        return Err(KeyFault::ExponentUnusable);
    }
    RsaKey::new(&modulus, &exponent).map(PublicKey::Rsa).map_err(|_| KeyFault::Invalid)
}

fn p256(jwk: &Object<'_>) -> Result<PublicKey, KeyFault> {
    match required(jwk, "crv")? {
        "P-256" => {}
        other => return Err(KeyFault::CurveUnsupported(Excerpt::new(other))),
    }
    let (x, y) = (fixed(jwk, "x")?, fixed(jwk, "y")?);
    P256Key::new(&x, &y).map(PublicKey::P256).map_err(|_| KeyFault::Invalid)
}

fn ed25519(jwk: &Object<'_>) -> Result<PublicKey, KeyFault> {
    match required(jwk, "crv")? {
        "Ed25519" => {}
        other => return Err(KeyFault::CurveUnsupported(Excerpt::new(other))),
    }
    Ed25519Key::new(&fixed(jwk, "x")?).map(PublicKey::Ed25519).map_err(|_| KeyFault::Invalid)
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
fn fixed(jwk: &Object<'_>, member: &'static str) -> Result<[u8; 32], KeyFault> {
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
