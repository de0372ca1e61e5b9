"""The JOSE header: algorithm, critical extensions, key identifier, type (checklist 8 to 15)."""

import hashlib
import hmac

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from corpus import (
    ABSENT, Theme, allow, claims, deny, header, issuer, key_set, policy, signing_input, token,
)
from jose import compact, decode, encode
from keys import E1, E2, K256, P1, P2, P521, Q1, R1, R2

theme = Theme("header")
case = theme.case


def with_header(key=E1, **changes):
    """A token of good claims whose header has these changes."""
    return token(key, head=header(key, **changes))


def algorithms():
    case("v08-eddsa", "The exact name of an algorithm [RFC 7515 §4.1.1]", allow())
    for name in ["none", "NONE", "None", "noNE", "nOnE"]:
        signed = signing_input(header(alg=name), claims())
        case(f"v08-{name}-unsigned", f"An unsigned token that says so: `{name}` [RFC 7518 §3.6, CVE-2015-9235]",
             deny("part-empty"), f"{signed}.")
        case(f"v08-{name}-with-a-signature", f"`{name}` with something where the signature belongs",
             deny("algorithm-unknown"), f"{signed}.AA")
    case("v08-none-with-a-good-signature", "`none`, although the signature over it is right [RFC 8725 §3.2]",
         deny("algorithm-unknown"), with_header(alg="none"))
    for name in ["eddsa", "EDDSA", "EdDsa", "EdDSA ", " EdDSA", "ed25519", "Ed448", "Ed25519ph", "", "__proto__"]:
        case(f"v08-named-{name.replace(' ', '_') or 'nothing'}", f"`{name}` is no name of an algorithm here; names are"
             " compared exactly [RFC 7515 §4.1.1]", deny("algorithm-unknown"), with_header(alg=name))
    for key, name in [(P1, "es256"), (P1, "ES256K"), (P1, "ES521"), (R1, "rs256"), (R1, "RSA-OAEP"), (R1, "RS1")]:
        case(f"v08-named-{name}", f"`{name}` is no name of a signature algorithm here [RFC 7515 §4.1.1]",
             deny("algorithm-unknown"), token(key, head=header(key, alg=name), alg=key.alg), key=key)
    case("v08-es512", "ES512 is registered, and not offered here", deny("algorithm-unknown"), key=P521, keys=[P521, E1])
    case("v08-es256k", "So is ES256K", deny("algorithm-unknown"), token(K256, alg="ES256"), keys=[K256, E1])
    case("v08-absent", "No `alg` [RFC 7515 §4.1.1]", deny("algorithm-missing"), with_header(alg=ABSENT))
    for id_, value in [
        ("null", None), ("number", 256), ("boolean", True), ("array", ["EdDSA"]), ("object", {"EdDSA": 1}),
    ]:
        case(f"v08-{id_}", f"An `alg` that is no string: {id_}", deny("header-malformed"), with_header(alg=value))


def macs():
    for key in (R1, P1, E1):
        jwk = key.jwk()
        public = key.signer.public() if key is R1 else key.signer.key.public_key() if key is P1 else None
        secrets = {"the-jwk": compact(jwk).encode()}
        if public:
            secrets["the-pem"] = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        if key is not R1:
            secrets["the-key-set"] = compact(key_set(key)).encode()
            secrets["the-bytes"] = decode(jwk["x"])
        for what, secret in secrets.items():
            mac = lambda message, hash_=hashlib.sha256: hmac.new(secret, message, hash_).digest()
            case(f"v09-hs256-keyed-by-{what}-of-{key.kid}", f"A MAC keyed by {what.replace('-', ' ')} of the public"
                 f" {key.alg} key, which everyone has [RFC 8725 §2.1, CVE-2016-5431]", deny("algorithm-unknown"),
                 token(key, head=header(key, alg="HS256"), sign=mac), key=key)
        case(f"v09-{key.alg.lower()}-that-is-a-mac", f"Such a MAC by the name of the key's own algorithm, {key.alg}",
             deny("signature-wrong"), token(key, sign=mac), key=key)
    for bits in (384, 512):
        mac = lambda message: hmac.new(compact(E1.jwk()).encode(), message, f"sha{bits}").digest()
        case(f"v09-hs{bits}-keyed-by-the-jwk-of-e1", "A MAC keyed by the text of the public key [RFC 8725 §2.1]",
             deny("algorithm-unknown"), token(head=header(alg=f"HS{bits}"), sign=mac))
    secret = b"a shared secret of thirty-two by"
    mac = lambda message: hmac.new(secret, message, "sha256").digest()
    case("v09-hs256-by-an-oct-key-of-the-set", "Not even with a MAC key that the set publishes [RFC 8725 §3.1]",
         deny("algorithm-unknown"), token(head=header(alg="HS256", kid="mac"), sign=mac),
         keys=[E1, {"kty": "oct", "kid": "mac", "alg": "HS256", "k": encode(secret)}])


def bindings():
    for key, alg in [(R1, "RS256"), (R1, "PS512"), (P1, "ES256"), (Q1, "ES384"), (E1, "EdDSA")]:
        case(f"v10-{alg.lower()}-as-the-jwk-says", f"The JWK names {alg}, and so does the token [RFC 7517 §4.4]",
             allow(), with_header(key, alg=alg) if alg == key.alg else token(key, head=header(key, alg=alg), alg=alg),
             keys=[key.jwk(alg=alg)])
    for key, own, alg in [
        (R1, "RS256", "RS384"), (R1, "RS256", "PS256"), (R1, "PS256", "RS256"), (R1, "PS384", "PS512"),
    ]:
        case(f"v10-{alg.lower()}-under-a-jwk-for-{own.lower()}", f"Signed as the header says, {alg}; the JWK is for"
             f" {own} alone [RFC 8725 §3.1, RFC 7517 §4.4]", deny("key-unknown"),
             token(key, head=header(key, alg=alg), alg=alg), keys=[key.jwk(alg=own)])
    for key, alg, sign_as in [
        (P1, "ES384", "ES384"), (Q1, "ES256", "ES256"), (P1, "EdDSA", "ES256"), (E1, "ES256", None),
        (P1, "RS256", "ES256"), (R1, "ES256", "RS256"), (E1, "PS256", None), (R1, "EdDSA", "RS256"),
    ]:
        case(f"v10-{alg.lower()}-by-{key.kid}", f"{alg} in the header over a key that is for {key.alg}"
             " [RFC 8725 §3.1, RFC 7518 §3.4]", deny("key-unknown"),
             token(key, head=header(key, alg=alg), alg=sign_as), keys=[key])
    for key, alg in [
        (P1, "ES384"), (Q1, "ES256"), (E1, "ES256"), (P1, "RS256"), (R1, "RSA-OAEP"), (P1, "ECDH-ES"),
        (P1, "HS256"), (P1, "none"), (P1, "es256"),
    ]:
        case(f"v10-jwk-{key.kid}-named-{alg.lower()}{'-in-lower-case' if alg == 'es256' else ''}",
             f"A JWK whose `alg`, {alg}, is none of a {key.alg} key: it verifies nothing [RFC 7517 §4.4]",
             deny("key-unknown"), token(key), keys=[key.jwk(alg=alg), E2])
    case("v10-a-kid-for-two-types", "Two keys of two types under one `kid`: the algorithm tells them apart"
         " [RFC 7517 §4.5]", allow(), token(P1, head=header(P1, kid="k")), keys=[P1.jwk(kid="k"), E1.jwk(kid="k")])
    case("v10-the-other-key-of-the-kid", "The algorithm of one of two keys of that `kid`, the signature of the other",
         deny("signature-wrong"), token(E1, head=header(E1, kid="k", alg="ES256")),
         keys=[P1.jwk(kid="k"), E1.jwk(kid="k")])
    only = policy(issuer(algorithms=["ES256", "PS256"]))
    case("v10-allowed-by-the-policy", "An algorithm on the policy's list for the issuer", allow(), key=P1, policy=only)
    case("v10-forbidden-by-the-policy", "One that is not on it [RFC 8725 §3.1]", deny("algorithm-forbidden"), policy=only)
    case("v10-a-neighbour-forbidden-by-the-policy", "RS256, where the list has PS256", deny("algorithm-forbidden"),
         key=R1, policy=only)
    case("v10-forbidden-before-the-key-is-looked-for", "Forbidden and of an unknown key: the former is said, and"
         " nothing fetched", deny("algorithm-forbidden"), token(head=header(kid="nobody")), policy=only)


def names_of_ed25519():
    for name in ("EdDSA", "Ed25519"):
        for own in (None, "EdDSA", "Ed25519"):
            case(f"v11-{name.lower()}-under-a-jwk-{own.lower() if own else 'without-alg'}",
                 f"{name} by an Ed25519 key whose JWK says {own or 'nothing'} [RFC 9864 §2.2, RFC 8037 §3.1]", allow(),
                 with_header(alg=name), keys=[E1.jwk(alg=own)])
        for listed in ("EdDSA", "Ed25519"):
            case(f"v11-{name.lower()}-where-the-policy-says-{listed.lower()}", f"{name}, allowed as {listed}"
                 " [RFC 9864 §2.2]", allow(), with_header(alg=name), policy=policy(issuer(algorithms=[listed])))


def extensions():
    for id_, about, more in [
        ("unknown", "An extension that nobody here understands [CVE-2025-59420]", '"crit":["x"],"x":1'),
        ("exp", "The extension of the RFC's own example", '"crit":["exp"],"exp":1'),
        ("empty", "An empty list", '"crit":[]'),
        ("twice", "A name twice", '"crit":["x","x"],"x":1'),
        ("registered", "A name that no `crit` may have", '"crit":["alg"]'),
        ("absent", "A name that the header lacks [CVE-2026-32597]", '"crit":["x"]'),
        ("b64", "The unencoded payload of RFC 7797", '"crit":["b64"],"b64":false'),
        ("b64-true", "The same, saying that nothing is different", '"crit":["b64"],"b64":true'),
        ("uri", "A name that is a URI", '"crit":["http://example.com/UNDEFINED"],"http://example.com/UNDEFINED":true'),
        ("cnf", "A name that the claims have", '"crit":["iss"],"iss":1'),
        ("string", "A string for the list", '"crit":"x","x":1'),
        ("null", "Nothing for the list", '"crit":null'),
        ("object", "An object for the list", '"crit":{"x":1},"x":1'),
        ("numbers", "A number in the list", '"crit":[1]'),
    ]:
        case(f"v12-crit-{id_}", f"{about} [RFC 7515 §4.1.11]", deny("extensions-critical"), token(head=header(more=more)))
    for value in ("false", "true", "null"):
        case(f"v12-b64-{value}-alone", "`b64` without `crit`, which others ignore and some obey [RFC 7797 §6 and §7]",
             deny("payload-unencoded"), token(head=header(more=f'"b64":{value}')))
    case("v12-unknown-but-not-critical", "An unknown parameter that is not critical is ignored [RFC 7515 §4]", allow(),
         token(head=header(more='"x":{"crit":["x"]}')))
    case("v12-critical-before-the-algorithm", "`crit` is refused before anybody asks for the algorithm",
         deny("extensions-critical"), token(head=header(alg="none", more='"crit":["x"],"x":1')))


def keys_that_come_along():
    certificate = "MIIBszCCAVmgAwIBAgIUQ"
    for id_, more in [
        ("jwk", f'"jwk":{compact(E2.jwk())}'),
        ("jku", '"jku":"https://attacker.example/jwks"'),
        ("x5u", '"x5u":"https://attacker.example/chain.pem"'),
        ("x5c", f'"x5c":["{certificate}"],"x5t#S256":"AA"'),
    ]:
        about = f"`{id_}` brings a key of the sender's own"
        case(f"v13-{id_}-under-a-known-kid", f"{about}, by which the signature is right [RFC 8725 §3.10, CVE-2018-0114]",
             deny("signature-wrong"), token(E2, head=header(E1, more=more)))
        case(f"v13-{id_}-under-its-own-kid", f"{about}; no key of the issuer is called so", deny("key-unknown"),
             token(E2, head=header(E2, more=more)))
        case(f"v13-{id_}-without-a-kid", f"{about}, and names none", deny("signature-wrong"),
             token(E2, head=header(kid=ABSENT, more=more)))
        case(f"v13-{id_}-ignored", f"`{id_}` in a good token is ignored", allow(), token(head=header(more=more)))


def key_identifiers():
    case("v14-kid", "One of two keys, by its `kid`", allow(), keys=[E1, E2])
    case("v14-the-other-kid", "The `kid` of the other of two keys: no key is tried but that one [RFC 7515 §4.1.4]",
         deny("signature-wrong"), with_header(kid="e2"), keys=[E1, E2])
    for id_, value in [("number", 1), ("null", None), ("array", ["e1"]), ("object", {}), ("boolean", True)]:
        case(f"v14-{id_}", f"A `kid` that is no string: {id_} [RFC 7515 §4.1.4]", deny("header-malformed"),
             with_header(kid=value))
    for id_, value in [("nul", "e1\0"), ("line-break", "e1\r\nx: y"), ("tab", "\te1"), ("delete", "e1\x7f"),
                       ("c1", "e1\x85")]:
        case(f"v14-control-{id_}", f"A control character in the `kid`: {id_}", deny("header-malformed"),
             with_header(kid=value))
    case("v14-256-bytes", "As long as a `kid` may be", allow(), with_header(kid="k" * 256), keys=[E1.jwk(kid="k" * 256)])
    case("v14-257-bytes", "One byte longer", deny("header-malformed"), with_header(kid="k" * 257),
         keys=[E1.jwk(kid="k" * 256)])
    case("v14-257-bytes-in-85-characters", "Bytes count, not characters", deny("header-malformed"),
         with_header(kid="€" * 85 + "kk"))
    for id_, value in [
        ("path", "../../../dev/null"), ("sql", "e1' OR '1'='1"), ("url", "https://a.example/k"),
        ("upper-case", "E1"), ("space", "e1 "), ("prefix", "e"), ("longer", "e12"), ("empty", ""), ("prototype", "__proto__"),
        ("full-width", "ｅ1"),
    ]:
        case(f"v14-{id_}", f"A `kid` is a text to compare and nothing more: {compact(value)} [RFC 8725 §3.10]",
             deny("key-unknown"), with_header(kid=value), keys=[E1, E2])
    case("v14-strange-but-there", "A strange `kid` that the set has", allow(), with_header(kid="../🔑' --"),
         keys=[E1.jwk(kid="../🔑' --")])
    absent = with_header(kid=ABSENT)
    case("v14-absent-with-one-key", "No `kid`, and one key", allow(), absent)
    case("v14-absent-with-one-key-of-the-type", "No `kid`, and one key of the algorithm", allow(), absent, keys=[P1, E1, R1])
    case("v14-absent-with-one-key-of-the-algorithm", "No `kid`, and two RSA keys of which one is for PS256", allow(),
         token(R1, head=header(R1, kid=ABSENT)), keys=[R1.jwk(alg="RS256"), R2.jwk(alg="PS256")])
    case("v14-absent-with-two-keys", "No `kid`, and two keys that could be meant: none is tried", deny("key-ambiguous"),
         absent, keys=[E1, E2])
    case("v14-absent-with-none-of-the-type", "No `kid`, and no key of the algorithm", deny("key-unknown"), absent, keys=[P1])
    case("v14-absent-signed-by-another", "No `kid`, and the one key is not the signer's", deny("signature-wrong"),
         absent, keys=[E2])
    case("v14-repeated-in-the-set", "Two keys of one type under one `kid` [RFC 7517 §4.5]", deny("key-ambiguous"),
         keys=[E1, E2.jwk(kid="e1")])
    case("v14-the-same-key-twice", "The same key twice under one `kid` is as ambiguous", deny("key-ambiguous"),
         keys=[E1, E1])
    case("v14-repeated-beside", "Two keys of another `kid` do not matter", allow(), keys=[E2.jwk(kid="x"), E1,
                                                                                         P1.jwk(kid="x"), P2.jwk(kid="x")])
    case("v14-nameless-key-and-token", "Neither the key nor the token has a `kid`", allow(), absent, keys=[E1.jwk(kid=None)])
    case("v14-nameless-key", "The token has a `kid`, the one key has none", deny("key-unknown"), keys=[E1.jwk(kid=None)])
    case("v14-rsa-sizes-apart", "Two RSA keys are two keys that could be meant", deny("key-ambiguous"),
         token(R1, head=header(R1, kid=ABSENT)), keys=[R1, R2])


def types():
    plain = policy(issuer(profile="jwt"))
    for id_, value in [("at-jwt", "at+jwt"), ("upper-case", "AT+JWT"), ("media-type", "application/at+jwt"),
                       ("media-type-in-mixed-case", "Application/At+Jwt")]:
        case(f"v15-{id_}", f"`{value}` is the type of an access token [RFC 9068 §2.1, RFC 7515 §4.1.9]", allow(),
             with_header(typ=value))
        case(f"v15-{id_}-where-plain-jwts-are-due", f"`{value}` where the issuer's tokens are plain JWTs"
             " [RFC 8725 §3.11]", deny("type-forbidden"), with_header(typ=value), policy=plain)
    for id_, value in [
        ("jwt", "JWT"), ("jwt-in-lower-case", "jwt"), ("jwt-as-a-media-type", "application/jwt"),
    ]:
        case(f"v15-{id_}", f"`{value}` may be an ID token's type [RFC 9068 §4]", deny("type-forbidden"),
             with_header(typ=value))
        case(f"v15-{id_}-where-plain-jwts-are-due", f"`{value}` where the issuer's tokens are plain JWTs", allow(),
             with_header(typ=value), policy=plain)
    case("v15-absent", "No type, as most ID tokens [RFC 9068 §4]", deny("type-forbidden"), with_header(typ=ABSENT))
    case("v15-absent-where-plain-jwts-are-due", "No type where the issuer's tokens are plain JWTs", allow(),
         with_header(typ=ABSENT), policy=plain)
    for value in ["logout+jwt", "dpop+jwt", "secevent+jwt", "id+jwt", "oauth-authz-req+jwt", "JOSE", "", "at+jwt ",
                  "at jwt", "text/at+jwt", "application/application/at+jwt", "application/", "/at+jwt", "at+jwt;q=1",
                  "at+jwt\0"]:
        name = value.replace("/", "-of-").replace(" ", "_").replace("+", "-").replace(";", "-").replace("\0", "-nul")
        case(f"v15-type-{name.lower() or 'empty'}", f"A token of another type: {compact(value)} [RFC 8725 §3.11]",
             deny("type-forbidden"), with_header(typ=value))
    for value in ["logout+jwt", "dpop+jwt", "at+jwt"]:
        name = value.replace("+", "-")
        case(f"v15-type-{name}-is-no-plain-jwt", f"{value} where the issuer's tokens are plain JWTs [RFC 8725 §3.11]",
             deny("type-forbidden"), with_header(typ=value), policy=plain)
    for id_, value in [("number", 1), ("null", None), ("array", ["at+jwt"])]:
        case(f"v15-{id_}", f"A `typ` that is no string: {id_} [RFC 7515 §4.1.9]", deny("header-malformed"),
             with_header(typ=value))
    own = policy(issuer(types=["at+jwt", "vnd.example+jwt"]))
    for id_, value, expect in [
        ("first", "at+jwt", allow()),
        ("second", "vnd.example+jwt", allow()),
        ("second-in-another-case", "VND.Example+JWT", allow()),
        ("second-as-a-media-type", "application/vnd.example+jwt", allow()),
        ("other", "JWT", deny("type-forbidden")),
        ("longer", "vnd.example+jwt2", deny("type-forbidden")),
        ("absent", ABSENT, deny("type-forbidden")),
    ]:
        case(f"v15-list-{id_}", f"The policy lists the types of the issuer: {id_} [RFC 8725 §3.11]", expect,
             with_header(typ=value), policy=own)
    listed = policy(issuer(profile="jwt", types=["JWT"]))
    case("v15-list-replaces-the-profile", "A list of types for plain JWTs: the type has to be there",
         deny("type-forbidden"), with_header(typ=ABSENT), policy=listed)
    case("v15-list-with-the-profile", "The same with its type, and without claims that RFC 9068 wants", allow(client=None),
         token(head=header(typ="jwt"), client_id=ABSENT, jti=ABSENT), policy=listed)


for part in (algorithms, macs, bindings, names_of_ed25519, extensions, keys_that_come_along, key_identifiers, types):
    part()
