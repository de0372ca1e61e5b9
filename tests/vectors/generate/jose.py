"""Base64url, JSON text and signatures: what a token is made of.

Everything here is deterministic, so that the corpus comes out the same byte for byte: Ed25519 and PKCS#1 v1.5 are by
nature, ECDSA by RFC 6979, PSS by a salt that is no secret. RSA is done by hand with integers, since the cases need
encodings that no library makes; every regular signature is then checked by `cryptography`.
"""

import base64
import hashlib
import json

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa, utils

HASHES = {256: hashes.SHA256(), 384: hashes.SHA384(), 512: hashes.SHA512()}

# DER of DigestInfo up to the digest (RFC 8017 §9.2, note 1).
DIGEST_INFO = {
    256: bytes.fromhex("3031300d060960864801650304020105000420"),
    384: bytes.fromhex("3041300d060960864801650304020205000430"),
    512: bytes.fromhex("3051300d060960864801650304020305000440"),
}

# The order of each curve's group (SEC 2, §2.4.2 and §2.5.1).
ORDER = {
    "P-256": 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551,
    "P-384": 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
}
CURVES = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1(), "secp256k1": ec.SECP256K1()}


def encode(data):
    """Base64url without padding (RFC 7515 §2)."""
    data = data.encode() if isinstance(data, str) else data
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact(value):
    """JSON without spaces, in the order given."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def digest(bits, data):
    return hashlib.new("sha1" if bits == 160 else f"sha{bits}", data).digest()


class Rsa:
    """An RSA key that signs by hand."""

    def __init__(self, jwk):
        self.n, self.e, self.d = (int.from_bytes(decode(jwk[part])) for part in "ned")
        self.length = (self.n.bit_length() + 7) // 8
        # Not made before it is needed: `cryptography` refuses the keys that are wrong on purpose.
        self.public = lambda: rsa.RSAPublicNumbers(self.e, self.n).public_key()

    def raw(self, encoded):
        """The signature whose verification yields this encoded message."""
        return pow(int.from_bytes(encoded), self.d, self.n).to_bytes(self.length)

    def pkcs1(self, bits, message, info=None):
        """RSASSA-PKCS1-v1_5 (RFC 8017 §8.2)."""
        return self.raw(self.pkcs1_encoded((info or DIGEST_INFO[bits]) + digest(bits, message)))

    def pkcs1_encoded(self, tail):
        return b"\0\1" + b"\xff" * (self.length - 3 - len(tail)) + b"\0" + tail

    def pss(self, bits, message, salt_length=None, mask_bits=None):
        """RSASSA-PSS (RFC 8017 §8.1); the salt is 0, 1, 2, …, as long as the hash unless told otherwise."""
        salt = bytes(range(bits // 8 if salt_length is None else salt_length))
        em_bits = self.n.bit_length() - 1
        em_length = (em_bits + 7) // 8
        hashed = digest(bits, bytes(8) + digest(bits, message) + salt)
        block = bytes(em_length - len(salt) - len(hashed) - 2) + b"\1" + salt
        mask = mgf1(mask_bits or bits, hashed, len(block))
        masked = bytearray(a ^ b for a, b in zip(block, mask))
        masked[0] &= 0xFF >> (8 * em_length - em_bits)
        return self.raw(bytes(masked) + hashed + b"\xbc")

    def sign(self, alg, message):
        bits = int(alg[2:])
        if alg.startswith("RS"):
            signature, scheme = self.pkcs1(bits, message), padding.PKCS1v15()
        else:
            signature = self.pss(bits, message)
            scheme = padding.PSS(padding.MGF1(HASHES[bits]), padding.PSS.DIGEST_LENGTH)
        if 2048 <= self.n.bit_length() and self.e < 1 << 32:
            self.public().verify(signature, message, scheme, HASHES[bits])
        return signature


class Ec:
    """An ECDSA key; the signature is r ‖ s (RFC 7518 §3.4)."""

    def __init__(self, jwk):
        self.curve = jwk["crv"]
        self.key = ec.derive_private_key(int.from_bytes(decode(jwk["d"])), CURVES[self.curve])
        self.length = (self.key.curve.key_size + 7) // 8

    def sign(self, alg, message):
        # The hash goes with the name in the header, even where that does not fit the curve.
        return self.pair(*self.numbers(int(alg[2:5]), message))

    def numbers(self, bits, message):
        der = self.key.sign(message, ec.ECDSA(HASHES[bits], deterministic_signing=True))
        return utils.decode_dss_signature(der)

    def pair(self, r, s):
        return r.to_bytes(self.length) + s.to_bytes(self.length)


class Ed:
    """An Ed25519 key (RFC 8032)."""

    def __init__(self, jwk):
        self.seed = decode(jwk["d"])
        self.point = decode(jwk["x"])

    def sign(self, _alg, message):
        return ed25519.Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


def mgf1(bits, seed, length):
    """The mask generation function of RFC 8017, appendix B.2.1."""
    blocks = (digest(bits, seed + counter.to_bytes(4)) for counter in range(length // (bits // 8) + 1))
    return b"".join(blocks)[:length]


def signer(jwk):
    return {"RSA": Rsa, "EC": Ec, "OKP": Ed}[jwk["kty"]](jwk)
