//! Public halves, as they are published.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{
    AlgorithmParameters, CommonParameters, EllipticCurve, EllipticCurveKeyParameters, EllipticCurveKeyType,
    Jwk, KeyAlgorithm, OctetKeyPairParameters, OctetKeyPairType, PublicKeyUse, RSAKeyParameters, RSAKeyType,
    ThumbprintHash,
};

use crate::domain::Algorithm;

/// The numbers of a public key, big-endian.
pub(super) enum PublicKey<'a> {
    /// A point of P-256 or P-384, uncompressed (SEC 1 §2.3.3): 0x04, then both coordinates.
    Point(&'a [u8]),
    /// Modulus and exponent, without leading zeros (RFC 7518 §6.3.1).
    Rsa { n: &'a [u8], e: &'a [u8] },
    /// A point of edwards25519 as it is compressed (RFC 8032 §5.1.5).
    Edwards(&'a [u8]),
}

impl PublicKey<'_> {
    /// The key as it is published (RFC 7517 §4), its thumbprint (RFC 7638) for its id. `None` if the numbers are none
    /// of that algorithm.
    pub(super) fn jwk(&self, algorithm: Algorithm) -> Option<(String, Jwk)> {
        let (parameters, key_algorithm) = match (algorithm, self) {
            (Algorithm::Es256, Self::Point(point)) => {
                (elliptic_curve(EllipticCurve::P256, point, 32)?, KeyAlgorithm::ES256)
            }
            (Algorithm::Es384, Self::Point(point)) => {
                (elliptic_curve(EllipticCurve::P384, point, 48)?, KeyAlgorithm::ES384)
            }
            (Algorithm::Rs256, Self::Rsa { n, e }) => (rsa(n, e), KeyAlgorithm::RS256),
            (Algorithm::Ps256, Self::Rsa { n, e }) => (rsa(n, e), KeyAlgorithm::PS256),
            (Algorithm::EdDsa, Self::Edwards(point)) => (edwards(point)?, KeyAlgorithm::EdDSA),
            _ => return None,
        };
        let mut jwk = Jwk {
            common: CommonParameters {
                public_key_use: Some(PublicKeyUse::Signature),
                key_algorithm: Some(key_algorithm),
                ..CommonParameters::default()
            },
            algorithm: parameters,
        };
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        jwk.common.key_id = Some(kid.clone());
        Some((kid, jwk))
    }
}

/// `size` is that of a coordinate, in bytes.
fn elliptic_curve(curve: EllipticCurve, point: &[u8], size: usize) -> Option<AlgorithmParameters> {
    let (x, y) = point.strip_prefix(&[4])?.split_at_checked(size)?;
    (y.len() == size).then(|| {
        AlgorithmParameters::EllipticCurve(EllipticCurveKeyParameters {
            key_type: EllipticCurveKeyType::EC,
            curve,
            x: URL_SAFE_NO_PAD.encode(x),
            y: URL_SAFE_NO_PAD.encode(y),
        })
    })
}

fn rsa(n: &[u8], e: &[u8]) -> AlgorithmParameters {
    AlgorithmParameters::RSA(RSAKeyParameters {
        key_type: RSAKeyType::RSA,
        n: URL_SAFE_NO_PAD.encode(n),
        e: URL_SAFE_NO_PAD.encode(e),
    })
}

fn edwards(point: &[u8]) -> Option<AlgorithmParameters> {
    (point.len() == 32).then(|| {
        AlgorithmParameters::OctetKeyPair(OctetKeyPairParameters {
            key_type: OctetKeyPairType::OctetKeyPair,
            curve: EllipticCurve::Ed25519,
            x: URL_SAFE_NO_PAD.encode(point),
        })
    })
}
