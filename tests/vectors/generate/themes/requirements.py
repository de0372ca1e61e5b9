"""What a route requires of a token: scopes, audiences, issuers, claims, alternatives; and what an issuer's tokens have
to meet everywhere."""

from corpus import (
    ABSENT, ISSUER, Raw, Theme, allow, claims, deny, header, issuer, key_set, lacking, policy, public, routes, token,
)
from jose import compact
from keys import E1, E2

theme = Theme("requirements")
case = theme.case

OTHER = "https://other.example"


def granted(scope):
    return allow(scopes=sorted(scope.split(" ")))


def scopes():
    every = routes({"scopes": ["a", "b"]})
    some = routes({"any_scopes": ["c", "d"]})
    both = routes({"scopes": ["a"], "any_scopes": ["c", "d"]})
    for id_, document, scope, expect in [
        ("all-both", every, "a b", granted("a b")), ("all-and-more", every, "c b a", granted("a b c")),
        ("all-first", every, "a", lacking("a b")), ("all-second", every, "b", lacking("a b")), ("all-none", every, "c", lacking("a b")),
        ("any-first", some, "c", granted("c")), ("any-second", some, "d", granted("d")), ("any-both", some, "c d", granted("c d")),
        ("both-parts", both, "a d", granted("a d")), ("both-parts-without-all", both, "d", lacking("a")),
    ]:
        case(f"scopes-{id_}", f"Required are {compact(document['routes'][0])}; the token has `{scope}`", expect, scope=scope,
             policy=document)
    # Any of them would do; the challenge names one way that suffices.
    case("scopes-any-none", "None of the scopes of which one is required", lacking("c"), scope="x", policy=some)
    case("scopes-both-parts-without-any", "The challenge names what suffices, all of it", lacking("a c"), scope="a", policy=both)


def audiences():
    document = routes({"path": {"prefix": "/admin"}, "audiences": ["orders-admin", "root"]}, {})
    at = lambda path: f"https://orders.example{path}"
    for id_, path, aud, expect in [
        ("own", "/admin", "orders-admin", allow()), ("own-second", "/admin", ["x", "root"], allow()),
        ("own-and-general", "/admin", ["orders", "root"], allow()), ("general-alone", "/admin", "orders", deny("audience-wrong")),
        ("general", "/", "orders", allow()), ("own-elsewhere", "/", "orders-admin", deny("audience-wrong")),
    ]:
        case(f"audiences-{id_}", "A route asks for audiences of its own, instead of the policy's", expect, url=at(path), aud=aud,
             policy=document)
    ways = routes({"any_of": [{"audiences": ["orders-admin"]}, {"scopes": ["admin"]}]})
    for id_, changes, expect in [
        ("first-way", {"aud": "orders-admin"}, allow()), ("second-way", {"scope": "admin"}, allow(scopes=["admin"])),
        ("second-way-for-another", {"aud": "stock", "scope": "admin"}, deny("audience-wrong")),
    ]:
        case(f"audiences-of-a-way-{id_}", "One of two ways has an audience of its own; the other is no way around the policy's",
             expect, policy=ways, **changes)


def issuers():
    two = [issuer(), issuer(OTHER)]
    jwks = {ISSUER: key_set(E1), OTHER: key_set(E2)}
    document = policy(*two, routes=[{"issuers": [OTHER], "path": {"prefix": "/partner"}}, {"issuers": [ISSUER, OTHER]}])
    at = lambda path: f"https://orders.example{path}"
    for id_, path, key, name, expect in [
        ("named", "/partner", E2, OTHER, allow(issuer=OTHER)), ("not-named", "/partner", E1, ISSUER, deny("issuer-not-allowed")),
        ("both-named", "/", E1, ISSUER, allow()), ("both-named-other", "/", E2, OTHER, allow(issuer=OTHER)),
    ]:
        case(f"issuers-{id_}", "A route takes tokens of the issuers that it names only", expect, token(key, iss=name), url=at(path),
             jwks=jwks, policy=document)
    case("issuers-unknown-stay-unknown", "An issuer that the policy does not have", deny("issuer-unknown"),
         token(iss="https://third.example"), url=at("/partner"), jwks=jwks, policy=document)


def conditions():
    nested = {"roles": ["admin", "user"], "level": 3, "a.b": "dotted"}
    claims_ = {"tenant": "acme", "level": 3, "active": True, "groups": ["a", "b", 7, True, None], "realm_access": nested,
               "empty": "", "list": [], "nothing": None, "a.b": "top", "deep": {"er": {"est": "here"}}, "neg": -5,
               "ref": "repo:acme/shop:ref:refs/heads/main"}
    good, bad = allow(), deny("claim-refused")
    for id_, condition, expect in [
        ("equals-text", {"claim": "tenant", "equals": "acme"}, good),
        ("equals-text-in-another-case", {"claim": "tenant", "equals": "Acme"}, bad),
        ("equals-prefix", {"claim": "tenant", "equals": "acm"}, bad),
        ("equals-number", {"claim": "level", "equals": 3}, good),
        ("equals-another-number", {"claim": "level", "equals": 4}, bad),
        ("equals-negative-number", {"claim": "neg", "equals": -5}, good),
        ("equals-text-of-a-number", {"claim": "level", "equals": "3"}, bad),
        ("equals-boolean", {"claim": "active", "equals": True}, good),
        ("equals-other-boolean", {"claim": "active", "equals": False}, bad),
        ("equals-text-of-a-boolean", {"claim": "active", "equals": "true"}, bad),
        ("equals-number-for-a-boolean", {"claim": "active", "equals": 1}, bad),
        ("equals-absent", {"claim": "missing", "equals": "acme"}, bad),
        ("equals-absent-boolean", {"claim": "missing", "equals": False}, bad),
        ("equals-element-of-a-list", {"claim": "groups", "equals": "a"}, bad),
        ("equals-null", {"claim": "nothing", "equals": False}, bad),
        ("equals-object", {"claim": "realm_access", "equals": "admin"}, bad),
        ("one-of", {"claim": "tenant", "one_of": ["x", "acme"]}, good),
        ("one-of-mixed", {"claim": "level", "one_of": ["3", False, 3]}, good),
        ("one-of-none", {"claim": "tenant", "one_of": ["x", "y"]}, bad),
        ("one-of-other-types", {"claim": "level", "one_of": ["3", True]}, bad),
        ("one-of-list", {"claim": "groups", "one_of": ["a", "b"]}, bad),
        ("prefix", {"claim": "tenant", "prefix": "ac"}, good),
        ("prefix-whole", {"claim": "tenant", "prefix": "acme"}, good),
        ("prefix-longer", {"claim": "tenant", "prefix": "acme/"}, bad),
        ("prefix-inside", {"claim": "tenant", "prefix": "cm"}, bad),
        ("prefix-of-a-number", {"claim": "level", "prefix": "3"}, bad),
        ("prefix-of-a-list", {"claim": "groups", "prefix": "a"}, bad),
        ("prefix-absent", {"claim": "missing", "prefix": "a"}, bad),
        ("glob", {"claim": "tenant", "glob": "a*e"}, good),
        ("glob-of-a-part", {"claim": "tenant", "glob": "a*m"}, bad),
        ("glob-of-a-list", {"claim": "groups", "glob": "a*"}, bad),
        ("glob-of-a-number", {"claim": "level", "glob": "3*"}, bad),
        ("glob-absent", {"claim": "missing", "glob": "a**"}, bad),
        ("glob-up-to-a-separator", {"claim": "ref", "glob": "repo:acme/*:ref:refs/heads/*"}, good),
        ("glob-across-a-separator", {"claim": "ref", "glob": "repo:*:ref:refs/heads/*"}, bad),
        ("glob-across-all", {"claim": "ref", "glob": "repo:**/main"}, good),
        ("contains", {"claim": "groups", "contains": "b"}, good),
        ("contains-number", {"claim": "groups", "contains": 7}, good),
        ("contains-boolean", {"claim": "groups", "contains": True}, good),
        ("contains-text-of-a-number", {"claim": "groups", "contains": "7"}, bad),
        ("contains-not", {"claim": "groups", "contains": "c"}, bad),
        ("contains-in-another-case", {"claim": "groups", "contains": "B"}, bad),
        ("contains-in-a-text", {"claim": "tenant", "contains": "acme"}, good),
        ("contains-in-part-of-a-text", {"claim": "tenant", "contains": "cm"}, bad),
        ("contains-in-a-number", {"claim": "level", "contains": 3}, bad),
        ("contains-in-an-empty-list", {"claim": "list", "contains": "a"}, bad),
        ("contains-in-an-object", {"claim": "realm_access", "contains": "roles"}, bad),
        ("contains-absent", {"claim": "missing", "contains": "a"}, bad),
        ("exists", {"claim": "tenant", "exists": True}, good),
        ("exists-empty", {"claim": "empty", "exists": True}, good),
        ("exists-null", {"claim": "nothing", "exists": True}, good),
        ("exists-not", {"claim": "missing", "exists": True}, bad),
        ("absent", {"claim": "missing", "exists": False}, good),
        ("absent-not", {"claim": "tenant", "exists": False}, bad),
        ("absent-though-null", {"claim": "nothing", "exists": False}, bad),
        ("path", {"claim": ["realm_access", "roles"], "contains": "admin"}, good),
        ("path-not", {"claim": ["realm_access", "roles"], "contains": "root"}, bad),
        ("path-number", {"claim": ["realm_access", "level"], "equals": 3}, good),
        ("path-of-three", {"claim": ["deep", "er", "est"], "equals": "here"}, good),
        ("path-too-far", {"claim": ["tenant", "name"], "exists": True}, bad),
        ("path-through-a-list", {"claim": ["groups", "0"], "equals": "a"}, bad),
        ("path-of-one", {"claim": ["tenant"], "equals": "acme"}, good),
        ("path-absent", {"claim": ["missing", "roles"], "exists": False}, good),
        ("dots-mean-nothing", {"claim": "realm_access.roles", "exists": True}, bad),
        ("dots-in-a-name", {"claim": "a.b", "equals": "top"}, good),
        ("dots-in-a-path", {"claim": ["realm_access", "a.b"], "equals": "dotted"}, good),
        ("pointer-means-nothing", {"claim": "/tenant", "exists": True}, bad),
        ("registered", {"claim": "sub", "equals": "shop"}, good),
        ("registered-not", {"claim": "sub", "one_of": ["payroll"]}, bad),
        ("scope-as-text", {"claim": "scope", "equals": "orders:read"}, good),
    ]:
        name = condition["claim"] if isinstance(condition["claim"], str) else condition["claim"][0]
        asked = {claim: value for claim, value in claims_.items() if name.startswith(claim)}
        case(f"condition-{id_}", f"The route asks {compact(condition)}", expect, policy=routes({"claims": [condition]}), **asked)
    claims_ = {"tenant": "acme", "level": 3}
    pair = routes({"claims": [{"claim": "tenant", "equals": "acme"}, {"claim": "level", "one_of": [3, 4]}]})
    for id_, changes, expect in [("both", {}, good), ("first", {"level": 5}, bad), ("second", {"tenant": "x"}, bad)]:
        case(f"condition-all-{id_}", "All conditions of a route have to hold", expect, policy=pair, **claims_ | changes)
    one = routes({"claims": [{"claim": "level", "equals": 1}]})
    for id_, value in [("with-a-fraction", "1.0"), ("with-an-exponent", "1e0"), ("beyond-exact", "1.0000000000000000001"),
                       ("in-an-array", "[1]")]:
        case(f"condition-number-{id_}", f"The claim is {value}, the policy says 1: refused in doubt", bad, level=Raw(value), policy=one)
    case("condition-number", "The claim is 1, the policy says 1", good, level=1, policy=one)
    case("condition-escaped", "Names and values are compared after their escapes", good,
         token(payload=claims('"ten\\u0061nt":"\\u0061cme"')), policy=routes({"claims": [{"claim": "tenant", "equals": "acme"}]}))


def of_an_issuer():
    both = policy(issuer(claims=[{"claim": "tenant", "equals": "acme"}]), issuer(OTHER), routes=[{"path": {"exact": "/free"},
                  "public": True}, {"optional": True}])
    jwks = {ISSUER: key_set(E1), OTHER: key_set(E2)}
    for id_, about, expect, more in [
        ("met", "A token that meets the condition of its issuer", allow(), {"tenant": "acme"}),
        ("not-met", "One that does not: a bad token on any route", deny("issuer-claim-refused"), {"tenant": "other"}),
        ("absent", "One that lacks the claim", deny("issuer-claim-refused"), {}),
        ("of-another", "A token of another issuer need not meet it", allow(issuer=OTHER), {"token_": token(E2, iss=OTHER)}),
        ("on-a-public-route", "A public route looks at no token", public(), {"url": "https://orders.example/free"}),
    ]:
        case(f"issuer-condition-{id_}", about, expect, jwks=jwks, policy=both, **more)


def combinations():
    admin, writer = {"scopes": ["admin"]}, {"scopes": ["write"], "claims": [{"claim": "tenant", "equals": "acme"}]}
    ways = routes({"any_of": [admin, writer]})
    for id_, changes, expect in [
        ("first", {"scope": "admin"}, granted("admin")), ("second", {"scope": "write", "tenant": "acme"}, granted("write")),
        ("both", {"scope": "admin write", "tenant": "acme"}, granted("admin write")),
    ]:
        case(f"any-of-{id_}", "One of two ways is open", expect, policy=ways, **changes)
    case("any-of-none", "Neither way is open: the challenge names the scopes of the first", lacking("admin"), scope="read", policy=ways)
    case("any-of-half-a-way", "Half of the one and half of the other make no way", lacking("admin"), scope="write", tenant="x",
         policy=ways)
    closed = routes({"any_of": [{"claims": [{"claim": "a", "exists": True}]}, {"claims": [{"claim": "b", "exists": True}]}]})
    case("any-of-conditions-none", "Neither way is open, and no scope would open one", deny("claim-refused"), policy=closed)
    case("any-of-conditions-second", "The second of them", allow(), b=1, policy=closed)
    base = routes({"scopes": ["base"], "any_of": [admin, {"scopes": ["write"]}]})
    case("any-of-beside", "What stands beside the ways has to hold, too", lacking("base"), scope="admin", policy=base)
    case("any-of-and-beside", "Both hold", granted("admin base"), scope="base admin", policy=base)
    every = routes({"all_of": [{"scopes": ["a"]}, {"any_scopes": ["b", "c"]}, {"claims": [{"claim": "tenant", "exists": True}]}]})
    for id_, changes, expect in [
        ("every", {"scope": "a c", "tenant": "x"}, granted("a c")), ("not-first", {"scope": "c", "tenant": "x"}, lacking("a")),
        ("not-second", {"scope": "a", "tenant": "x"}, lacking("b")), ("not-third", {"scope": "a b"}, deny("claim-refused")),
    ]:
        case(f"all-of-{id_}", "All of three requirements", expect, policy=every, **changes)
    deep = routes({"any_of": [{"all_of": [{"scopes": ["a"]}, {"any_of": [{"scopes": ["b"]}, {"scopes": ["c"]}]}]}, {"scopes": ["d"]}]})
    for id_, scope, expect in [("left", "a b", granted("a b")), ("middle", "a c", granted("a c")), ("right", "d", granted("d")),
                               ("inner-only", "b c", lacking("a")), ("outer-only", "a", lacking("b"))]:
        case(f"nested-{id_}", "Ways inside of ways", expect, scope=scope, policy=deep)
    case("requirement-none", "A route that requires nothing but a good token", allow(scopes=[]), scope=ABSENT, policy=routes({}))
    case("requirement-none-and-a-bad-token", "The same for a bad token", deny("type-forbidden"), token(head=header(typ="JWT")),
         policy=routes({}))


for part in (scopes, audiences, issuers, conditions, of_an_issuer, combinations):
    part()
