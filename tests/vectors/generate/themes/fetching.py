"""Keys that have to be fetched, and those that cannot be (checklist 42 to 44, as far as one decision shows them)."""

from corpus import INVALID, ISSUER, Theme, allow, deny, header, issuer, key_set, policy, public, routes, token
from jose import compact
from keys import E1, E2, P1

theme = Theme("fetching")
case = theme.case


def sources():
    for id_, about, source in [
        ("jwks-uri", "From a URL", {"jwks_uri": f"{ISSUER}/jwks"}),
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
    loopback = policy(issuer(jwks_uri="http://127.0.0.1:8080/jwks"), allow_http_loopback=True)
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
    full = [E1.jwk()] + [{}] * 99
    for id_, about, jwks in [
        ("empty", "No keys", {"keys": []}), ("no-keys", "No member `keys`", {}), ("keys-object", "`keys` is no array", {"keys": {}}),
        ("keys-null", "`keys` is null", {"keys": None}), ("array", "The keys without their set", [E1.jwk()]), ("null", "null", None),
        ("string", "A string", "keys"), ("keys-in-upper-case", "Another name for them", {"Keys": [E1.jwk()]}),
        ("one-key", "A key where a set is due", E1.jwk()),
        ("none-usable", "A key, and none that can be used", {"keys": [{"kty": "oct", "k": "AA"}]}),
        ("101-keys", "One key too many", {"keys": [*full, {}]}), ("deep", "Nested too deep", {"keys": [E1.jwk(x5c=nested(6))]}),
    ]:
        case(f"v43-{id_}", f"{about}: no key set, and none from before [RFC 7517 §5]", deny("keys-unavailable"), jwks={ISSUER: jwks})
    good = compact(key_set(E1))
    for id_, about, words in [
        ("not-json", "A page of HTML", "<html>no such document</html>"), ("nothing", "Nothing at all", ""),
        ("cut-off", "A set that was cut off", good[:-1]), ("trailing", "A set and more", good + "{}"),
        ("byte-order-mark", "A byte order mark before the set", "\ufeff" + good),
        ("keys-twice", "`keys` twice", '{"keys":[],' + good[1:]), ("kty-twice", "A member of a key twice",
                                                                 good.replace('"kty"', '"kty":"oct","kty"')),
    ]:
        case(f"v43-text-{id_}", f"{about} [RFC 8259 §4 and §8.1]", deny("keys-unavailable"), jwks={ISSUER: words})
    case("v43-text-good", "The set, as text", allow(), jwks={ISSUER: good})
    case("v43-100-keys", "As many keys as a set may have", allow(), jwks={ISSUER: {"keys": full}})
    case("v43-less-deep", "Nested as deep as a set may be", allow(), jwks={ISSUER: {"keys": [E1.jwk(x5c=nested(5))]}})


def nested(depth):
    return [nested(depth - 1)] if depth > 1 else []


def policies():
    """A policy that says something wrong decides nothing: a host has no verifier for it."""
    good = policy(routes=[{"path": {"prefix": "/orders"}, "scopes": ["orders:read"]}])
    inline = lambda jwk: policy(issuer(jwks={"keys": [jwk]}))
    at_issuer = lambda **changes: policy(issuer(**changes))
    a_route = lambda **members: routes(members)
    case("v44-policy-good", "The policy that the next ones differ from", allow(), url="https://orders.example/orders", policy=good)
    for id_, about, document in [
        ("unknown-member", "A member that there is not", good | {"audience": ["orders"]}),
        ("no-issuers", "No issuers", {"audiences": ["orders"]}),
        ("empty-issuers", "An empty list of issuers", good | {"issuers": []}),
        ("no-audiences", "No audiences", {"issuers": [issuer()]}),
        ("empty-audiences", "An empty list of audiences", good | {"audiences": []}),
        ("empty-routes", "An empty list of routes", good | {"routes": []}),
        ("issuer-twice", "An issuer twice", policy(issuer(), issuer())),
        ("no-keys", "An issuer without keys", policy({"issuer": ISSUER})),
        ("two-sources", "An issuer with keys from two places", at_issuer(jwks_uri="https://id.example/jwks", discovery=True)),
        ("http", "Keys from where anybody in between can replace them", at_issuer(jwks_uri="http://id.example/jwks")),
        ("loopback-without-a-switch", "Keys from a loopback address, without the switch for it",
         at_issuer(jwks_uri="http://127.0.0.1/jwks")),
        ("algorithm-none", "An algorithm that is none", at_issuer(algorithms=["none"])),
        ("algorithm-hs256", "A MAC for an algorithm", at_issuer(algorithms=["HS256"])),
        ("no-algorithms", "No algorithm at all", at_issuer(algorithms=[])),
        ("profile", "A profile that there is not", at_issuer(profile="JWT")),
        ("skew", "A skew beyond its bound", at_issuer(clock_skew=301)),
        ("lifetime", "A lifetime of nothing", at_issuer(max_lifetime=0)),
        ("private-key", "A private key in the policy", inline(E1.jwk(d=E1.private["d"]))),
        ("weak-key", "A key of no use in the policy", inline(E1.jwk(use="enc"))),
        ("public-with-scopes", "A route that is public and asks for scopes", a_route(public=True, scopes=["a"])),
        ("two-paths", "A route with two paths", a_route(path={"exact": "/a", "prefix": "/b"})),
        ("path-not-normalised", "A path that no request has", a_route(path={"exact": "/a/../b"})),
        ("regex", "A regular expression that is none", a_route(path={"regex": "/a("})),
        ("method", "A method in lower case", a_route(methods=["get"])),
        ("scope", "A scope with a space in it", a_route(scopes=["a b"])),
        ("shadowed", "A route that no request gets to", routes({"path": {"prefix": "/a"}}, {"path": {"exact": "/a/b"}})),
        ("condition-of-two-tests", "A condition with two tests", a_route(claims=[{"claim": "a", "equals": 1, "prefix": "b"}])),
        ("condition-of-none", "A condition without a test", a_route(claims=[{"claim": "a"}])),
        ("issuer-of-a-route", "A route for an issuer that the policy does not have", a_route(issuers=["https://x.example"])),
        ("reserved-field", "A claim in a field that has a meaning of its own",
         policy(upstream={"claims": [{"claim": "sub", "header": "Authorization"}]})),
        ("realm", "A realm with a line break", policy(challenge={"realm": "a\r\nb"})),
        ("missing-keys-open", "A wish to be open while keys are missing", policy(while_keys_missing="allow")),
        ("array", "No object", [good]),
        ("null", "Nothing", None),
        ("duplicate-member", "A member twice", compact(good).replace('"audiences"', '"audiences":["x"],"audiences"')),
        ("cut-off", "Half of a policy", compact(good)[:60]),
        ("empty-text", "No text", ""),
    ]:
        case(f"v44-policy-{id_}", f"{about}: nothing is decided by such a policy", INVALID, headers=[], jwks={}, policy=document)


def missing():
    asks = [{"path": {"exact": "/free"}, "public": True}, {"optional": True, "path": {"exact": "/maybe"}}, {}]
    closed = routes(*asks)
    blamed = routes(*asks, while_keys_missing="unauthorized")
    worded = routes(*asks, while_keys_missing="unavailable")
    refused = deny("keys-unavailable", 401, 'Bearer error="invalid_token"')
    for id_, document, expect in [("by-default", closed, deny("keys-unavailable")), ("unavailable", worded, deny("keys-unavailable")),
                                  ("unauthorized", blamed, refused)]:
        at = lambda path: {"url": f"https://orders.example{path}", "policy": document, "jwks": {}}
        case(f"v44-{id_}", f"No keys: refused, {id_}", expect, **at("/orders"))
        if document is worded:
            continue
        case(f"v44-{id_}-optional", "An optional route is not open to tokens that nobody can verify", expect, **at("/maybe"))
        case(f"v44-{id_}-optional-without-a-token", "It is to requests without any", public(), headers=[], **at("/maybe"))
        case(f"v44-{id_}-public", "A public route needs no keys", public(), **at("/free"))
        case(f"v44-{id_}-without-a-token", "Without a token nobody asks for keys", deny("token-missing"), headers=[], **at("/orders"))
        case(f"v44-{id_}-of-nobody", "Nor for the keys of somebody unknown", deny("issuer-unknown"), token(iss="https://x.example"),
             **at("/orders"))
        case(f"v44-{id_}-with-keys", "With keys all is well", allow(), url="https://orders.example/orders", policy=document)


for part in (sources, floods, bad_sets, policies, missing):
    part()
