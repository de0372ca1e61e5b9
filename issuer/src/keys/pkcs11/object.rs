//! Keys in a token: made, found, deleted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use jsonwebtoken::jwk::Jwk;

use super::ModuleError;
use super::method::Method;
use super::token::{Lane, Token};
use crate::domain::Algorithm;
use crate::keys::public::PublicKey;

/// The label of a key that is not finished: its name is made of its public half.
const UNFINISHED: &[u8] = b"tessera (unfinished)";
/// Bits of a new RSA modulus; as of those in memory.
const RSA_BITS: u64 = 2048;
/// 65,537.
const RSA_EXPONENT: [u8; 3] = [1, 0, 1];
/// The object identifiers of the curves in DER (RFC 5480 §2.1.1.1), and the name that PKCS #11 has for edwards25519, a
/// `PrintableString` (PKCS #11 v3.0 §2.3.10).
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const P384: &[u8] = &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22];
const EDWARDS25519: &[u8] = b"\x13\x0cedwards25519";

/// The objects of a new key.
struct Pair {
    public: ObjectHandle,
    private: ObjectHandle,
}

/// Makes a key that signs, and nothing else, and stays where it is. Leaves nothing behind where that fails.
pub(super) fn generate(token: &Token, method: Method) -> Result<(String, Jwk), ModuleError> {
    let session = token.writing()?;
    let (public, private) =
        session.generate_key_pair(&method.generate(), &public_template(method), &private_template())?;
    let pair = Pair { public, private };
    let finished = finish(token, &session, &pair, method.algorithm);
    if finished.is_err() {
        for object in [pair.public, pair.private] {
            // What it failed with is what is told.
            let _ = session.destroy_object(object);
        }
    }
    finished
}

/// Names the key after its public half.
fn finish(
    token: &Token,
    session: &Session,
    pair: &Pair,
    algorithm: Algorithm,
) -> Result<(String, Jwk), ModuleError> {
    let guarded = [AttributeType::Sensitive, AttributeType::Extractable];
    let guarded = session.get_attributes(pair.private, &guarded)?;
    if !guarded.contains(&Attribute::Sensitive(true)) || !guarded.contains(&Attribute::Extractable(false)) {
        return Err(ModuleError::Exposed { token: token.label().to_owned() });
    }
    let public = read_public(session, pair.public, algorithm)?;
    let (kid, jwk) = public.ok_or_else(|| ModuleError::Answer {
        token: token.label().to_owned(),
        what: "public key of the algorithm",
    })?;
    let name = [Attribute::Id(id(&kid)), Attribute::Label(kid.clone().into_bytes())];
    session.update_attributes(pair.public, &name)?;
    session.update_attributes(pair.private, &name)?;
    Ok((kid, jwk))
}

/// The private key `kid`, found once in each session.
pub(super) fn private(token: &Token, lane: &mut Lane, kid: &str) -> Result<ObjectHandle, ModuleError> {
    if let Some(found) = lane.keys.get(kid) {
        return Ok(*found);
    }
    let wanted = [Attribute::Class(ObjectClass::PRIVATE_KEY), Attribute::Token(true), Attribute::Id(id(kid))];
    match *lane.session.find_objects(&wanted)?.as_slice() {
        [one] => {
            lane.keys.insert(kid.to_owned(), one);
            Ok(one)
        }
        [] => Err(ModuleError::NoKey { token: token.label().to_owned() }),
        _ => Err(ModuleError::SeveralKeys { token: token.label().to_owned() }),
    }
}

/// Deletes both halves of the key.
pub(super) fn destroy(token: &Token, kid: &str) -> Result<(), ModuleError> {
    let session = token.writing()?;
    for class in [ObjectClass::PRIVATE_KEY, ObjectClass::PUBLIC_KEY] {
        let wanted = [Attribute::Class(class), Attribute::Token(true), Attribute::Id(id(kid))];
        for object in session.find_objects(&wanted)? {
            session.destroy_object(object)?;
        }
    }
    Ok(())
}

/// The `CKA_ID`: the thumbprint that the `kid` is, in bytes.
fn id(kid: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(kid).unwrap_or_else(|_| kid.as_bytes().to_vec())
}

fn public_template(method: Method) -> Vec<Attribute> {
    let mut template =
        vec![Attribute::Token(true), Attribute::Verify(true), Attribute::Label(UNFINISHED.to_vec())];
    match method.algorithm {
        Algorithm::Es256 => template.push(Attribute::EcParams(P256.to_vec())),
        Algorithm::Es384 => template.push(Attribute::EcParams(P384.to_vec())),
        Algorithm::EdDsa => template.push(Attribute::EcParams(EDWARDS25519.to_vec())),
        Algorithm::Rs256 | Algorithm::Ps256 => template.extend([
            Attribute::ModulusBits(RSA_BITS.into()),
            Attribute::PublicExponent(RSA_EXPONENT.to_vec()),
            Attribute::Encrypt(false),
            Attribute::Wrap(false),
        ]),
    }
    template
}

fn private_template() -> Vec<Attribute> {
    vec![
        Attribute::Token(true),
        Attribute::Private(true),
        Attribute::Sensitive(true),
        Attribute::Extractable(false),
        Attribute::Label(UNFINISHED.to_vec()),
        Attribute::Sign(true),
        // Whatever is not said may be allowed, even what no key of the kind does.
        Attribute::SignRecover(false),
        Attribute::Decrypt(false),
        Attribute::Unwrap(false),
        Attribute::Derive(false),
    ]
}

fn read_public(
    session: &Session,
    object: ObjectHandle,
    algorithm: Algorithm,
) -> Result<Option<(String, Jwk)>, ModuleError> {
    let wanted = [
        AttributeType::KeyType,
        AttributeType::EcPoint,
        AttributeType::Modulus,
        AttributeType::PublicExponent,
    ];
    let (mut point, mut modulus, mut exponent) = (None, None, None);
    let mut kind = None;
    for attribute in session.get_attributes(object, &wanted)? {
        match attribute {
            Attribute::KeyType(found) => kind = Some(found),
            Attribute::EcPoint(bytes) => point = Some(bytes),
            Attribute::Modulus(bytes) => modulus = Some(bytes),
            Attribute::PublicExponent(bytes) => exponent = Some(bytes),
            _ => {}
        }
    }
    let key = match (kind, &point, &modulus, &exponent) {
        (Some(KeyType::RSA), _, Some(n), Some(e)) => PublicKey::Rsa { n: unpadded(n), e: unpadded(e) },
        (Some(KeyType::EC), Some(point), ..) => PublicKey::Point(unwrapped(point)),
        (Some(KeyType::EC_EDWARDS), Some(point), ..) => PublicKey::Edwards(unwrapped(point)),
        _ => return Ok(None),
    };
    Ok(key.jwk(algorithm))
}

/// A number without leading zeros.
fn unpadded(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// A point is in a DER `OCTET STRING`, short enough for a length of one byte (PKCS #11 v3.0 §2.3.3). Some tokens leave
/// it out; then the lengths do not agree.
fn unwrapped(point: &[u8]) -> &[u8] {
    match point {
        [0x04, length, inner @ ..] if usize::from(*length) == inner.len() => inner,
        bare => bare,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_points_are_bare() {
        assert_eq!(unpadded(&[0, 0, 1, 0]), [1, 0]);
        let edwards = [7; 32];
        assert_eq!(unwrapped(&[&[4, 32][..], &edwards].concat()), edwards);
        assert_eq!(unwrapped(&edwards), edwards);
        let uncompressed = [&[4][..], &[9; 64]].concat();
        assert_eq!(unwrapped(&[&[4, 65][..], &uncompressed].concat()), uncompressed);
        assert_eq!(unwrapped(&uncompressed), uncompressed);
    }
}
