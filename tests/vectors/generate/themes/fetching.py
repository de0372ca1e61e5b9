"""Keys that have to be fetched, and those that cannot be (checklist 42 to 44, as far as one decision shows them)."""

from corpus import ISSUER, Theme, allow, deny, header, issuer, key_set, policy, public, routes, token
from keys import E1, E2, P1

theme = Theme("fetching")
case = theme.case


def sources():
    for id_, about, source in [
        ("jwks-uri", "From a URL", {"jwks_uri": f"{ISSUER}/jwks.json"}),
        ("discovery", "From a URL that the issuer's metadata names [OpenID Connect Discovery 1.0 §4]", {"discovery": True}),
        ("discovery-elsewhere", "From metadata in another place [RFC 8414 §3.1]",
         {"discovery": f"{ISSUER}/.well-known/oauth-authorization-server"}),
        ("inline", "Out of the policy itself", {"jwks": key_set(E1)}),
    ]:
        document = policy(issuer(**source))
        jwks = {} if id_ == "inline" else {ISSUER: key_set(E1)}
        case(f"keys-by-{id_}", f"{about}: a good token", allow(), policy=document, jwks=jwks)
        case(f"keys-by-{id_}-forged", f"{about}: a forged token", deny("signature-wrong"), token(E2, head=header(E1)), policy=document,
             jwks=jwks)
        case(f"keys-by-{id_}-unknown", f"{about}: a key that nobody has, after it was asked for once", deny("key-unknown"),
             token(head=header(kid="x")), policy=document, jwks=jwks)
        if id_ != "inline":
            case(f"keys-by-{id_}-missing", f"{about}: nothing is there", deny("keys-unavailable"), policy=document, jwks={})
    loopback = policy(issuer(jwks_uri="http://127.0.0.1:8080/jwks.json"), allow_http_loopback=True)
    case("keys-by-loopback", "From a loopback address, where the policy lets it", allow(), policy=loopback)
    two = policy(issuer(jwks=key_set(P1)), issuer("https://other.example"))
    case("keys-of-two-sources", "One issuer's keys are in the policy, another's are fetched", allow(issuer="https://other.example"),
         token(iss="https://other.example"), jwks={"https://other.example": key_set(E1)}, policy=two)


def floods():
    for count, kid in enumerate(["a", "b", "c"], 1):
        case(f"v42-unknown-kid-{count}", "A `kid` that the set lacks: fetched for once, refused then", deny("key-unknown"),
             token(head=header(kid=kid)))
    case("v42-unknown-kid-of-another-type", "A `kid` of another type of key", deny("key-unknown"), token(head=header(kid="p1")),
         keys=[E1, P1])
    case("v42-nothing-to-fetch-for-a-forgery", "A forgery asks for no fetch", deny("signature-wrong"), token(E2, head=header(E1)))


def bad_sets():
    many = [E1.jwk(kid=f"k{n}") for n in range(101)]
    for id_, about, jwks in [
        ("empty", "No keys", {"keys": []}), ("no-keys", "No member `keys`", {}), ("keys-object", "`keys` is no array", {"keys": {}}),
        ("keys-null", "`keys` is null", {"keys": None}), ("array", "The keys without their set", [E1.jwk()]), ("null", "null", None),
        ("string", "A string", "keys"), ("keys-in-upper-case", "Another name for them", {"Keys": [E1.jwk()]}),
        ("one-key", "A key where a set is due", E1.jwk()), ("none-usable", "A key, and none that can be used", {"keys": [{"kty": "oct", "k": "AA"}]}),
        ("101-keys", "One key too many", {"keys": many}), ("deep", "Nested too deep", {"keys": [E1.jwk(x5c=nested(6))]}),
    ]:
        case(f"v43-{id_}", f"{about}: no key set, and none from before [RFC 7517 §5]", deny("keys-unavailable"), jwks={ISSUER: jwks})
    case("v43-100-keys", "As many keys as a set may have", allow(), token(head=header(kid="k99")), jwks={ISSUER: {"keys": many[:100]}})
    case("v43-less-deep", "Nested as deep as a set may be", allow(), jwks={ISSUER: {"keys": [E1.jwk(x5c=nested(5))]}})


def nested(depth):
    return [nested(depth - 1)] if depth > 1 else []


def missing():
    asks = [{"path": {"exact": "/free"}, "public": True}, {"optional": True, "path": {"exact": "/maybe"}}, {}]
    closed = routes(*asks)
    blamed = routes(*asks, while_keys_missing="unauthorized")
    worded = routes(*asks, while_keys_missing="unavailable")
    refused = deny("keys-unavailable", 401, 'Bearer realm="orders", error="invalid_token"')
    for id_, document, expect in [("by-default", closed, deny("keys-unavailable")), ("unavailable", worded, deny("keys-unavailable")),
                                  ("unauthorized", blamed, refused)]:
        at = lambda path: {"url": f"https://orders.example{path}", "policy": document, "jwks": {}}
        case(f"v44-{id_}", f"No keys: refused, {id_}", expect, **at("/orders"))
        case(f"v44-{id_}-optional", "An optional route is not open to tokens that nobody can verify", expect, **at("/maybe"))
        case(f"v44-{id_}-optional-without-a-token", "It is to requests without any", public(), headers=[], **at("/maybe"))
        case(f"v44-{id_}-public", "A public route needs no keys", public(), **at("/free"))
        case(f"v44-{id_}-without-a-token", "Without a token nobody asks for keys", deny("token-missing"), headers=[], **at("/orders"))
        case(f"v44-{id_}-of-nobody", "Nor for the keys of somebody unknown", deny("issuer-unknown"), token(iss="https://x.example"),
             **at("/orders"))
        case(f"v44-{id_}-with-keys", "With keys all is well", allow(), url="https://orders.example/orders", policy=document)


for part in (sources, floods, bad_sets, missing):
    part()
