"""Key sets: which keys of one may verify (checklist 16 to 21).

Every case signs with a key that is published with a flaw, beside a good key of which nothing is asked. Where the flaw
is checked, the key does not exist for the verifier; where it is not, the signature is right.
"""

from corpus import Theme, allow, deny, header, token
from edwards import BASE, NEUTRAL, ORDER_2, ORDER_4, ORDER_8, P, multiply
from edwards import encode as encode_point
from jose import DIGEST_INFO, decode, digest, encode
from keys import (
    E1, E2, K256, P1, P2, Q1, R1, R2, R3072, R4096, RSA_1024, RSA_2047, RSA_4104, RSA_EXPONENT_3, RSA_HUGE_EXPONENT,
    RSA_LARGEST_EXPONENT, RSA_ROCA,
)

theme = Theme("keysets")
case = theme.case


def usable(id_, about, key, **changes):
    case(id_, about, allow(), key=key, keys=[key.jwk(**changes), E2])


def unusable(id_, about, key, **changes):
    case(id_, about, deny("key-unknown"), key=key, keys=[key.jwk(**changes), E2])


def purposes():
    for id_, about, members in [
        ("no-purpose", "A key that does not say what it is for", {}),
        ("use-sig", "`use` is `sig`", {"use": "sig"}),
        ("verify", "`key_ops` has `verify`", {"key_ops": ["verify"]}),
        ("sign-and-verify", "`key_ops` has `verify` among others", {"key_ops": ["sign", "verify"]}),
        ("both", "Both members, and they agree", {"use": "sig", "key_ops": ["verify"]}),
    ]:
        usable(f"v16-{id_}", f"{about} [RFC 7517 §4.2 and §4.3]", P1, **members)
    for id_, about, members in [
        ("use-enc", "`use` is `enc`", {"use": "enc"}),
        ("use-upper-case", "`use` is compared exactly", {"use": "SIG"}),
        ("use-empty", "`use` is empty", {"use": ""}),
        ("use-array", "`use` is no string", {"use": ["sig"]}),
        ("sign-only", "`key_ops` has `sign` alone", {"key_ops": ["sign"]}),
        ("encrypt", "`key_ops` has other operations", {"key_ops": ["encrypt", "wrapKey"]}),
        ("no-operation", "`key_ops` is empty", {"key_ops": []}),
        ("verify-in-upper-case", "`key_ops` is compared exactly", {"key_ops": ["Verify"]}),
        ("operations-string", "`key_ops` is no array", {"key_ops": "verify"}),
        ("both-disagree", "`use` is `enc` although `key_ops` has `verify`", {"use": "enc", "key_ops": ["verify"]}),
        ("both-disagree-otherwise", "`key_ops` has `sign` alone although `use` is `sig`",
         {"use": "sig", "key_ops": ["sign"]}),
    ]:
        unusable(f"v16-{id_}", f"{about} [RFC 7517 §4.2 and §4.3, RFC 8725 §3.1]", P1, **members)


def rsa():
    for key in (R1, R3072, R4096):
        usable(f"v17-modulus-of-{key.signer.n.bit_length()}", "A modulus within bounds [RFC 7518 §3.3]", key)
    for key, about in [
        (RSA_1024, "Half of what a modulus has to have"),
        (RSA_2047, "One bit less than a modulus has to have"),
        (RSA_4104, "A byte more than a modulus may have"),
    ]:
        unusable(f"v17-modulus-of-{key.signer.n.bit_length()}", f"{about} [RFC 7518 §3.3, SP 800-131A]", key)
    padded = encode(bytes(2) + decode(R1.private["n"]))
    usable("v17-modulus-with-leading-zeros", "Leading zero octets, which are forbidden and common, change nothing"
           " [RFC 7518 §2]", R1, n=padded)
    unusable("v17-a-short-modulus-with-leading-zeros", "Nor do they make a short modulus long enough", RSA_1024,
             n=encode(bytes(128) + decode(RSA_1024.private["n"])))
    unusable("v17-modulus-zero", "A modulus of zero", R1, n="AAAA")
    unusable("v17-modulus-absent", "A modulus is missing [RFC 7518 §6.3.1.1]", R1, n=None)
    unusable("v17-modulus-padded", "A modulus in padded base64", R1, n=R1.private["n"] + "==")
    unusable("v17-modulus-even", "An even modulus", R1, n=encode(decode(R1.private["n"])[:-1] + b"\x02"))
    usable("v17-exponent-3", "The smallest exponent there is", RSA_EXPONENT_3)
    usable("v17-exponent-of-32-bits", "The longest exponent that is taken", RSA_LARGEST_EXPONENT)
    usable("v17-exponent-with-leading-zeros", "65537 with leading zero octets", R1, e="AAABAAE")
    unusable("v17-exponent-of-33-bits", "A longer exponent, although the key is a good one", RSA_HUGE_EXPONENT)
    huge = encode(b"\x7f" + b"\xff" * 255)
    unusable("v17-exponent-of-2047-bits", "An exponent that would keep the verifier busy [CVE-2006-2940]", R1, e=huge)
    # To the power of one everything is its own signature: whoever pads the digest has signed.
    forged = lambda message: R1.signer.pkcs1_encoded(DIGEST_INFO[256] + digest(256, message))
    case("v17-exponent-1", "With 1 for an exponent, the padded digest is its own signature: anybody's forgery",
         deny("key-unknown"), token(R1, sign=forged), keys=[R1.jwk(e="AQ"), E2])
    for id_, exponent in [("0", "AA"), ("2", "Ag"), ("65536", "AQAA"), ("absent", None)]:
        unusable(f"v17-exponent-{id_}", f"An exponent that no key has: {id_} [RFC 8017 §3.1]", R1, e=exponent)


def points():
    for key, field in [(P1, 2**256 - 2**224 + 2**192 + 2**96 - 1), (Q1, 2**384 - 2**128 - 2**96 + 2**32 - 1)]:
        name, length = {"P1": "p256", "Q1": "p384"}[key.kid.upper()], key.signer.length
        x, y = decode(key.private["x"]), decode(key.private["y"])
        usable(f"v18-{name}-on-the-curve", f"A point of {key.private['crv']}", key)
        negated = (field - int.from_bytes(y)).to_bytes(length)
        case(f"v18-{name}-the-opposite-point", "The opposite point is a key, of somebody else", deny("signature-wrong"),
             key=key, keys=[key.jwk(y=encode(negated)), E2])
        flipped = y[:-1] + bytes([y[-1] ^ 1])
        zeros, ones = bytes(length), b"\xff" * length
        for id_, about, members in [
            ("off-the-curve", "A point beside the curve", {"y": encode(flipped)}),
            ("swapped", "Coordinates that changed places", {"x": encode(y), "y": encode(x)}),
            ("origin", "(0, 0), which some take for the point at infinity", {"x": encode(zeros), "y": encode(zeros)}),
            ("x-beyond-the-field", "An x beyond the field's prime", {"x": encode(ones)}),
            ("y-beyond-the-field", "A y beyond the field's prime", {"y": encode(ones)}),
            ("y-is-the-prime", "The prime itself for y", {"y": encode(field.to_bytes(length))}),
            ("x-short", "An x that lost its first byte", {"x": encode(x[1:])}),
            ("x-long", "An x with a zero byte before it", {"x": encode(b"\0" + x)}),
            ("y-short", "A y that lost its last byte", {"y": encode(y[:-1])}),
            ("y-empty", "An empty y", {"y": ""}),
            ("y-absent", "No y", {"y": None}),
            ("x-number", "An x that is a number", {"x": 7}),
            ("uncompressed", "The whole point in x", {"x": encode(b"\4" + x + y)}),
            ("compressed", "A compressed point in x", {"x": encode(bytes([2 + (y[-1] & 1)]) + x), "y": None}),
            ("standard-alphabet", "An x in padded base64", {"x": key.private["x"] + "="}),
            ("no-curve", "No curve", {"crv": None}),
            ("another-curve", "The other curve's name", {"crv": "P-384" if key is P1 else "P-256"}),
            ("curve-in-lower-case", "A curve's name is compared exactly", {"crv": key.private["crv"].lower()}),
        ]:
            # Where the code is one for both curves, one of them is enough.
            if key is Q1 and id_ not in ("off-the-curve", "origin", "x-beyond-the-field", "y-is-the-prime", "x-short", "another-curve"):
                continue
            unusable(f"v18-{name}-{id_}", f"{about} [RFC 7518 §6.2.1, SEC 1 §3.2.2]", key, **members)
    x = decode(E1.private["x"])
    usable("v18-ed25519-key", "A point of Ed25519", E1)
    for id_, about, members in [
        ("short", "An x that lost its last byte: some panic [jsonwebtoken]", {"x": encode(x[:-1])}),
        ("long", "An x with a byte more", {"x": encode(x + b"\0")}),
        ("empty", "An empty x", {"x": ""}),
        ("absent", "No x", {"x": None}),
        ("of-57-bytes", "A key of Ed448's length", {"x": encode(bytes(57))}),
        ("no-point", "A y for which there is no x", {"x": encode((2).to_bytes(32, "little"))}),
        ("another-curve", "X25519 is for other things", {"crv": "X25519"}),
        ("no-curve", "No curve", {"crv": None}),
        ("ec", "An Ed25519 key that calls itself EC", {"kty": "EC"}),
    ]:
        unusable(f"v18-ed25519-{id_}", f"{about} [RFC 8037 §2, RFC 8032 §5.1.3]", E1, **members)
    for id_, about, point in [
        ("of-order-1", "the neutral element", encode_point(NEUTRAL)),
        ("of-order-2", "the point of order 2", ORDER_2),
        ("of-order-4", "a point of order 4", ORDER_4),
        ("of-order-8", "a point of order 8", ORDER_8),
    ]:
        # k·A is of small order, too, so S·B is R for one message in order(A), whoever signs.
        commitment = multiply(1000, BASE)
        forged = encode_point(commitment) + (1000).to_bytes(32, "little")
        case(f"v18-ed25519-{id_}", f"{about[0].upper()}{about[1:]} for a key, under which anybody's signature holds"
             " [RFC 8032 §8.9 and Chalkias et al. 2020]", deny("key-unknown"), token(sign=lambda _: forged),
             keys=[E1.jwk(x=encode(point)), E2])
    for id_, y in [("beyond-the-field", P + 3), ("the-largest", 2**255 - 1)]:
        unusable(f"v18-ed25519-{id_}", "A second spelling of a point: its y is not below the prime [RFC 8032 §5.1.3]", E1,
                 x=encode(y.to_bytes(32, "little")))


def secrets():
    for key in (R1, P1, E1):
        unusable(f"v19-{key.alg.lower()}-with-its-private-half", "A private key in a public set: everyone can sign with it"
                 " [RFC 7517 §9.2]", key, d=key.private["d"])
    unusable("v19-private-half-of-no-use", "A `d` of whatever type is one too many", P1, d=0)
    for member in ("p", "dq", "oth"):
        unusable(f"v19-rsa-with-{member}", f"An RSA key with `{member}`, from which the rest follows [RFC 7518 §6.3.2]", R1,
                 **{member: "AQ"})
    secret = {"kty": "oct", "kid": "mac", "k": "c2VjcmV0"}
    case("v19-oct-beside", "A shared secret in a public set is of no use; the keys beside it are [RFC 7517 §9.2]",
         allow(), keys=[secret, E1])
    case("v19-private-beside", "So is a private key", allow(), keys=[P1.jwk(d=P1.private["d"]), E1])
    case("v19-oct-alone", "A set of nothing but secrets is no set of keys", deny("keys-unavailable"), keys=[secret])


def unknown():
    strangers = [
        ("type", "A type from the future [RFC 7517 §5]", {"kty": "AKP", "kid": "s", "alg": "ML-DSA-44", "pub": "AA"}),
        ("type-in-lower-case", "Types are compared exactly", {"kty": "okp", "kid": "s", "crv": "Ed25519", "x": "AA"}),
        ("no-type", "No type", {"kid": "s"}),
        ("type-number", "A type that is a number", {"kty": 1}),
        ("curve", "A curve that is not used here", K256.jwk()),
        ("ed448", "Ed448", {"kty": "OKP", "kid": "s", "crv": "Ed448", "x": "AA"}),
        ("algorithm", "An algorithm that is not used here", P2.jwk(alg="ECDH-ES+A256KW")),
        ("empty", "An empty object", {}),
        ("kid-number", "A `kid` that is a number", P2.jwk(kid=7)),
        ("kid-too-long", "A `kid` of 257 bytes", P2.jwk(kid="k" * 257)),
    ]
    for id_, about, jwk in strangers:
        case(f"v20-{id_}", f"{about}: skipped, and the set serves all the same", allow(), keys=[jwk, E1])
    for id_, value in [("null", None), ("string", "e1"), ("array", []), ("number", 1), ("boolean", True)]:
        jwks = {"https://id.example": {"keys": [value, E1.jwk()]}}
        case(f"v20-{id_}", f"An entry that is no object: {id_}", allow(), jwks=jwks)
    case("v20-asked-for", "A token of a key that was skipped", deny("key-unknown"),
         token(head=header(kid="s")), keys=[strangers[0][2], E1])
    case("v20-further-members", "Members that nobody here knows are ignored [RFC 7517 §4]", allow(),
         keys=[E1.jwk(x5c=["MIIB"], iat=1, revoked={"reason": "no"})])
    case("v20-members-of-the-set", "So are other members of the set [RFC 7517 §5]", allow(),
         jwks={"https://id.example": {"issuer": "x", "keys": [E1.jwk()], "next": []}})


def roca():
    unusable("v21-roca", "A modulus whose primes anybody can find: its residues give them away [CVE-2017-15361]", RSA_ROCA)
    usable("v21-another-of-the-size", "A modulus of the same size without the mark", R2)
    case("v21-roca-alone", "A set with no other key", deny("keys-unavailable"), key=RSA_ROCA)


for part in (purposes, rsa, points, secrets, unknown, roca):
    part()
