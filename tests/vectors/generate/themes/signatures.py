"""Signatures: what each algorithm accepts, and what only looks like one of its signatures (checklist 22 to 25)."""

from corpus import Theme, allow, claims, deny, header, signing_input, token
from edwards import BASE, NEUTRAL, ORDER_2, ORDER_4, ORDER_8, L, P, add, multiply, raised, with_commitment
from edwards import decode as decode_point
from edwards import encode as encode_point
from jose import DIGEST_INFO, ORDER, digest, encode
from keys import E1, E2, P1, P2, Q1, Q2, R1, R2, R3072, R4096, RSA_EXPONENT_3
from cryptography.hazmat.primitives.asymmetric import utils

theme = Theme("signatures")
case = theme.case

EVERY = [
    ("RS256", R1, R2), ("RS384", R1, R2), ("RS512", R1, R2), ("PS256", R1, R2), ("PS384", R1, R2), ("PS512", R1, R2),
    ("ES256", P1, P2), ("ES384", Q1, Q2), ("EdDSA", E1, E2),
]


def of(key, alg, **more):
    return token(key, head=header(key, alg=alg), alg=alg, **more)


def every_algorithm():
    for alg, key, stranger in EVERY:
        name = alg.lower()
        good = of(key, alg)
        head, body, signature = good.split(".")
        case(f"alg-{name}", f"A good signature by {alg} [RFC 7518 §3, RFC 8037 §3.1]", allow(), good, key=key)
        other = of(key, alg, sub="admin").split(".")[1]
        case(f"alg-{name}-other-claims", f"The {alg} signature of other claims", deny("signature-wrong"),
             f"{head}.{other}.{signature}", key=key)
        spaced = encode(header(key, alg=alg) + " ")
        case(f"alg-{name}-other-header", f"The {alg} signature of another header that says the same",
             deny("signature-wrong"), f"{spaced}.{body}.{signature}", key=key)
        forged = token(stranger, head=header(key, alg=alg), alg=alg)
        case(f"alg-{name}-other-key", f"An {alg} signature by another key of the kind, under this one's `kid`",
             deny("signature-wrong"), forged, key=key)
        if alg in ("RS384", "RS512", "PS384", "PS512"):
            continue
        flip = lambda message: flipped(key.sign(message, alg))
        case(f"alg-{name}-one-bit", f"An {alg} signature with one bit changed", deny("signature-wrong"),
             token(key, head=header(key, alg=alg), sign=flip), key=key)
    for key in (R3072, R4096):
        for alg in ("RS384", "PS512"):
            size = key.signer.n.bit_length()
            case(f"alg-{alg.lower()}-of-{size}", f"{alg} by a key of {size} bits [RFC 7518 §3.3]", allow(), of(key, alg),
                 key=key)
    for a, b in [("RS256", "RS384"), ("RS512", "RS256"), ("PS256", "PS384"), ("RS256", "PS256"), ("PS256", "RS256")]:
        case(f"alg-{a.lower()}-signed-as-{b.lower()}", f"{a} in the header, a good {b} signature behind it",
             deny("signature-wrong"), token(R1, head=header(R1, alg=a), alg=b), key=R1)


def flipped(signature):
    return signature[:9] + bytes([signature[9] ^ 4]) + signature[10:]


def signed(key, make, alg=None):
    """A good token but for its signature: what `make` makes of the signing input."""
    return token(key, head=header(key, alg=alg or key.alg), sign=make)


def ecdsa():
    """After a good signature of the key: a verifier may have prepared it by then."""
    for key in (P1, Q1):
        # Of the two curves, this is the one whose keys are worth preparing.
        before = [token(key)] if key is P1 else ()
        name, n, length = key.alg.lower(), ORDER[key.signer.curve], key.signer.length
        bits = int(key.alg[2:])
        r_and_s = lambda message: key.signer.numbers(bits, message)
        pair = key.signer.pair
        for id_, about, numbers in [
            ("r-and-s-0", "r and s are 0, the signature that fitted every message", lambda r, s: (0, 0)),
            ("r-0", "r is 0", lambda r, s: (0, s)),
            ("s-0", "s is 0", lambda r, s: (r, 0)),
            ("r-n", "r is the order of the group", lambda r, s: (n, s)),
            ("s-n", "s is the order of the group", lambda r, s: (r, n)),
            ("r-and-s-n", "r and s are the order of the group", lambda r, s: (n, n)),
            ("r-n-and-1", "r is one more than the order", lambda r, s: (n + 1, s)),
            ("r-1-s-1", "r and s are 1", lambda r, s: (1, 1)),
            ("r-largest", "All bits of r are set", lambda r, s: ((1 << 8 * length) - 1, s)),
            ("s-largest", "All bits of s are set", lambda r, s: (r, (1 << 8 * length) - 1)),
            ("r-opposite", "r is n − r", lambda r, s: (n - r, s)),
            ("swapped", "r and s changed places", lambda r, s: (s, r)),
        ]:
            case(f"v22-{name}-{id_}", f"{about} [CVE-2022-21449, SEC 1 §4.1.4]", deny("signature-wrong"),
                 signed(key, lambda message: pair(*numbers(*r_and_s(message)))), key=key, before=before)
        good = lambda message: pair(*r_and_s(message))
        for id_, about, make in [
            ("der", "DER where r ‖ s is due [RFC 7518 §3.4]",
             lambda message: utils.encode_dss_signature(*r_and_s(message))),
            ("short", "The last byte is missing", lambda message: good(message)[:-1]),
            ("long", "A zero byte after it", lambda message: good(message) + b"\0"),
            ("half", "r alone", lambda message: good(message)[:length]),
            ("one-byte", "One byte", lambda message: b"\1"),
            ("wide", "r and s with a zero byte before each",
             lambda message: b"".join(number.to_bytes(length + 1) for number in r_and_s(message))),
            ("twice", "The signature twice", lambda message: good(message) * 2),
        ]:
            case(f"v22-{name}-{id_}", f"{about} [RFC 7518 §3.4]", deny("signature-wrong"), signed(key, make), key=key,
                 before=before)
        # Ground until r starts with a zero byte: it stays in the signature.
        jti = next(f"g-{count}" for count in range(5000) if ground(key, f"g-{count}", r_and_s) >> 8 * (length - 1) == 0)
        zero = token(key, jti=jti)
        case(f"v22-{name}-r-with-a-leading-zero", "An r that starts with a zero byte", allow(), zero, key=key)
        case(f"v22-{name}-r-without-its-leading-zero", "The same without that byte [RFC 7518 §3.4]",
             deny("signature-wrong"), token(key, jti=jti, sign=lambda message: good(message)[1:]), key=key)
        low = lambda r, s: (r, min(s, n - s))
        high = lambda r, s: (r, max(s, n - s))
        for id_, about, make in [("low-s", "The lower of two values that s may have", low),
                                 ("high-s", "The higher of them: JWS knows no preference", high)]:
            case(f"v24-{name}-{id_}", f"{about} [RFC 7518 §3.4]; the grant is the same for both", allow(),
                 signed(key, lambda message: pair(*make(*r_and_s(message)))), key=key, before=before)
    case("v22-es256-over-sha-384", "A P-256 signature over another hash than ES256's", deny("signature-wrong"),
         signed(P1, lambda message: P1.signer.pair(*P1.signer.numbers(384, message))), key=P1)
    case("v22-es384-over-sha-256", "A P-384 signature over another hash than ES384's", deny("signature-wrong"),
         signed(Q1, lambda message: Q1.signer.pair(*Q1.signer.numbers(256, message))), key=Q1)


def ground(key, jti, r_and_s):
    return r_and_s(signing_input(header(key), claims(jti=jti)).encode())[0]


def ed25519():
    """After a good signature of the key, as above."""
    signer, before = E1.signer, [token()]
    good = lambda message: E1.sign(message)
    refused = deny("signature-wrong")
    for id_, about, make in [
        ("s-raised", "S + L for S, the same number in the group [RFC 8032 §5.1.7]", lambda m: raised(good(m))),
        ("s-order", "S is the order of the group", lambda m: good(m)[:32] + L.to_bytes(32, "little")),
        ("s-largest", "All bits of S are set", lambda m: good(m)[:32] + b"\xff" * 32),
        ("s-top-bit", "The top bit of S is set", lambda m: good(m)[:63] + bytes([good(m)[63] | 0x80])),
        ("s-zero", "S is 0", lambda m: good(m)[:32] + bytes(32)),
        ("zeros", "Nothing but zeros", lambda m: bytes(64)),
        ("neutral-r-zero-s", "The neutral element for R, and 0 for S", lambda m: encode_point(NEUTRAL) + bytes(32)),
        ("r-sign", "The sign of R changed", lambda m: good(m)[:31] + bytes([good(m)[31] ^ 0x80]) + good(m)[32:]),
        ("short", "The last byte is missing", lambda m: good(m)[:-1]),
        ("long", "A zero byte after it", lambda m: good(m) + b"\0"),
        ("r-only", "R alone", lambda m: good(m)[:32]),
        ("s-before-r", "S before R", lambda m: good(m)[32:] + good(m)[:32]),
        ("ed448-length", "A signature of Ed448's length", lambda m: good(m) + bytes(50)),
        ("prehashed", "Signed over the digest, as Ed25519ph nearly does", lambda m: good(digest(512, m))),
    ]:
        case(f"v23-{id_}", f"{about} [RFC 8032 §5.1.7]", refused, signed(E1, make), before=before)
    case("v23-small-order-r-that-fits", "R is the neutral element and S fits: right in the plain equation, refused by the"
         " strict one [Chalkias et al. 2020, §4]", refused,
         signed(E1, lambda m: with_commitment(signer, m, encode_point(NEUTRAL))), before=before)
    case("v23-r-in-a-second-spelling", "The same R with a y that is not below the prime [RFC 8032 §5.1.3]", refused,
         signed(E1, lambda m: with_commitment(signer, m, (P + 1).to_bytes(32, "little"))), before=before)
    for order, point in [(2, ORDER_2), (4, ORDER_4), (8, ORDER_8)]:
        case(f"v23-r-of-order-{order}", f"R is a point of order {order}: right in the equation with the cofactor only"
             " [RFC 8032 §5.1.7]", refused, signed(E1, lambda m: with_commitment(signer, m, point)), before=before)
    mixed = add(multiply(12345, BASE), decode_point(ORDER_8))
    case("v23-r-of-mixed-order", "R has a part of order 8: right in the equation with the cofactor only, by which"
         " verifiers are known to disagree [Chalkias et al. 2020, §3]", refused,
         signed(E1, lambda m: with_commitment(signer, m, encode_point(mixed), 12345)), before=before)
    plain = multiply(12345, BASE)
    case("v23-r-of-ones-own-choice", "An R that is not derived from the message as it should be is still right",
         allow(), signed(E1, lambda m: with_commitment(signer, m, encode_point(plain), 12345)), before=before)


def pkcs1():
    signer, refused = R1.signer, deny("signature-wrong")
    info = DIGEST_INFO[256]
    tail = lambda m: info + digest(256, m)
    encoded = lambda m: signer.pkcs1_encoded(tail(m))
    raw = lambda em: signer.raw(em)
    length = signer.length
    short = lambda m: b"\0\1" + b"\xff" * 8 + b"\0" + tail(m)
    for id_, about, make in [
        ("digest-info-of-sha-1", "DigestInfo says SHA-1 over a SHA-256 digest",
         lambda m: raw(signer.pkcs1_encoded(bytes.fromhex("3029300906052b0e03021a05000420") + digest(256, m)))),
        ("digest-info-of-sha-512", "DigestInfo says SHA-512 over a SHA-256 digest",
         lambda m: raw(signer.pkcs1_encoded(DIGEST_INFO[512] + digest(256, m)))),
        ("no-digest-info", "The bare digest", lambda m: raw(signer.pkcs1_encoded(digest(256, m)))),
        ("no-parameters", "DigestInfo without its NULL", lambda m: raw(signer.pkcs1_encoded(
            bytes.fromhex("302f300b0609608648016503040201") + b"\x04\x20" + digest(256, m)))),
        ("long-form-length", "A length in the long form of BER, as in CVE-2014-1568", lambda m: raw(signer.pkcs1_encoded(
            bytes.fromhex("308131300d060960864801650304020105000420") + digest(256, m)))),
        ("parameters-not-null", "Something else than NULL for parameters", lambda m: raw(signer.pkcs1_encoded(
            bytes.fromhex("3031300d060960864801650304020104000420") + digest(256, m)))),
        ("bytes-after-the-digest", "Bytes after the digest and short padding, as in CVE-2006-4339",
         lambda m: raw(short(m) + bytes(length - len(short(m))))),
        ("bytes-inside-digest-info", "Bytes in the parameters, as in CVE-2016-1494", lambda m: raw(
            signer.pkcs1_encoded(bytes.fromhex("3033300f06096086480165030402010502abcd0420") + digest(256, m)))),
        ("padding-not-ff", "Padding that is not all ones", lambda m: raw(encoded(m)[:20] + b"\xfe" + encoded(m)[21:])),
        ("padding-zero", "A zero in the padding", lambda m: raw(encoded(m)[:20] + b"\0" + encoded(m)[21:])),
        ("block-type-2", "The padding of encryption", lambda m: raw(b"\0\2" + encoded(m)[2:])),
        ("block-type-0", "The padding of zeros", lambda m: raw(bytes(2) + encoded(m)[2:])),
        ("first-byte-1", "No zero before the block type", lambda m: raw(b"\1" + encoded(m)[1:])),
        ("no-separator", "No zero after the padding", lambda m: raw(encoded(m).replace(b"\xff\0" + info, b"\xff\xff" + info))),
        ("digest-of-something-else", "The digest of other bytes", lambda m: signer.pkcs1(256, m + b" ")),
        ("sha-1-throughout", "A regular signature over SHA-1, which the algorithm does not know", lambda m: raw(
            signer.pkcs1_encoded(bytes.fromhex("3021300906052b0e03021a05000414") + digest(160, m)))),
        ("zero", "The number 0", lambda m: bytes(length)),
        ("modulus", "The modulus itself", lambda m: signer.n.to_bytes(length)),
        ("modulus-less-one", "One less than the modulus", lambda m: (signer.n - 1).to_bytes(length)),
        ("opposite", "n − s for s", lambda m: (signer.n - int.from_bytes(signer.pkcs1(256, m))).to_bytes(length)),
        ("long", "A zero byte before it [RFC 8017 §8.2.2]", lambda m: b"\0" + signer.pkcs1(256, m)),
        ("short", "The last byte is missing", lambda m: signer.pkcs1(256, m)[:-1]),
    ]:
        case(f"v25-{id_}", f"{about} [RFC 8017 §8.2.2 and §9.2]", refused, signed(R1, make), key=R1)
    # Ground until the signature leaves room below 2^2048 for one modulus more.
    fits = lambda s: int.from_bytes(s) + signer.n < 1 << 8 * length
    jti = grind(R1, fits)
    more = lambda m: (int.from_bytes(signer.pkcs1(256, m)) + signer.n).to_bytes(length)
    case("v25-not-reduced", "s + n for s, the same number in the group [RFC 8017 §5.2.2]", refused,
         token(R1, jti=jti, sign=more), key=R1)
    case("v25-reduced", "The s itself", allow(), token(R1, jti=jti), key=R1)
    jti = grind(R1, lambda s: s[0] == 0)
    case("v25-leading-zero", "A signature that starts with a zero byte", allow(), token(R1, jti=jti), key=R1)
    case("v25-without-its-leading-zero", "The same without that byte [RFC 8017 §8.2.2]", refused,
         token(R1, jti=jti, sign=lambda m: signer.pkcs1(256, m)[1:]), key=R1)
    cube = RSA_EXPONENT_3.signer
    case("v25-cube-root", "A cube that starts as an encoded message does, without the private key [CVE-2006-4339]", refused,
         signed(RSA_EXPONENT_3, lambda m: forged_cube(cube, m), "RS256"), key=RSA_EXPONENT_3)


def grind(key, good):
    return next(jti for jti in (f"g-{count}" for count in range(2000))
                if good(key.sign(signing_input(header(key), claims(jti=jti)).encode())))


def forged_cube(signer, message):
    """The number whose cube starts with padding, DigestInfo and digest, and goes on anyhow."""
    front = b"\0\1\xff\xff\xff\xff\xff\xff\xff\xff\0" + DIGEST_INFO[256] + digest(256, message)
    target = int.from_bytes(front + b"\xff" * (signer.length - len(front)))
    low, high = 0, 1 << (8 * signer.length // 3 + 1)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if middle**3 <= target else (low, middle)
    assert (low**3).to_bytes(signer.length).startswith(front)
    return low.to_bytes(signer.length)


def pss():
    signer, refused = R1.signer, deny("signature-wrong")
    for bits, alg in [(256, "PS256"), (384, "PS384"), (512, "PS512")]:
        size = bits // 8
        lengths = [("empty", 0), ("one-long", size + 1)]
        if alg == "PS256":
            lengths += [("one-short", size - 1), ("of-20", 20), ("longest", signer.length - size - 2)]
        for id_, length in lengths:
            case(f"v25-{alg.lower()}-salt-{id_}", f"A salt of {length} bytes, where {size} are due [RFC 7518 §3.5]",
                 refused, signed(R1, lambda m: signer.pss(bits, m, salt_length=length), alg), key=R1)
    for id_, about, make in [
        ("mask-of-sha-1", "The mask is made with SHA-1, which libraries default to", lambda m: signer.pss(256, m, mask_bits=160)),
        ("mask-of-sha-512", "The mask is made with another hash", lambda m: signer.pss(256, m, mask_bits=512)),
        ("trailer", "Another trailer byte", lambda m: altered(signer, m, -1, 0x33)),
        ("zero", "The number 0", lambda m: bytes(signer.length)),
        ("one", "The number 1", lambda m: (1).to_bytes(signer.length)),
        ("long", "A zero byte before it", lambda m: b"\0" + signer.pss(256, m)),
        ("short", "The last byte is missing", lambda m: signer.pss(256, m)[:-1]),
    ]:
        case(f"v25-ps256-{id_}", f"{about} [RFC 8017 §9.1.2, RFC 7518 §3.5]", refused, signed(R1, make, "PS256"), key=R1)
    case("v25-ps256-first-bit", "The bit before the encoded message is set [RFC 8017 §9.1.2, step 6]", refused,
         first_bit_set(signer), key=R1)


def altered(signer, message, place, value):
    """A PSS signature whose encoded message has another byte at this place."""
    encoded = bytearray(pow(int.from_bytes(signer.pss(256, message)), signer.e, signer.n).to_bytes(signer.length))
    encoded[place] = value
    return signer.raw(bytes(encoded))


def first_bit_set(signer):
    """A token whose PSS encoding has the bit set that would make it as long as the modulus, and is below that still."""
    for count in range(5000):
        message = signing_input(header(R1, alg="PS256"), claims(jti=f"g-{count}")).encode()
        encoded = pow(int.from_bytes(signer.pss(256, message)), signer.e, signer.n) | 1 << signer.n.bit_length() - 1
        if encoded < signer.n:
            return signed_with_id(f"g-{count}", signer.raw(encoded.to_bytes(signer.length)))
    raise AssertionError("none found")


def signed_with_id(jti, signature):
    return token(R1, head=header(R1, alg="PS256"), jti=jti, sign=lambda _: signature)


for part in (every_algorithm, ecdsa, ed25519, pkcs1, pss):
    part()
