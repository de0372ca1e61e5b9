"""The claims: time, issuer, audience, identifiers, scopes (checklist 26 to 32, and 38)."""

from corpus import ABSENT, ISSUER, NOW, Raw, Theme, allow, claims, deny, header, issuer, key_set, lacking, policy, routes, token
from jose import compact
from keys import E1, E2, P1, R1

theme = Theme("claims")
case = theme.case

OTHER = "https://other.example"


def expiry():
    exact = policy(issuer(clock_skew=0))
    for skew, document in [(30, policy()), (0, exact), (300, policy(issuer(clock_skew=300)))]:
        for offset, expect in [(-1, allow()), (0, deny("token-expired")), (1, deny("token-expired"))]:
            case(f"v26-skew-{skew}-at-{offset:+}", f"{offset:+} s from where `exp` and a skew of {skew} s end the token's"
                 " life [RFC 7519 §4.1.4]", expect, policy=document, now=NOW + 300 + skew + offset)
    case("v26-absent", "No `exp` [RFC 9068 §2.2]", deny("claim-missing"), exp=ABSENT)
    for id_, value in [
        ("string", '"1790000300"'), ("null", "null"), ("true", "true"), ("array", "[1790000300]"), ("object", "{}"),
        ("negative", "-1"), ("minus-zero", "-0"), ("beyond-double", "1e300"), ("beyond-exact", "9007199254740993"),
        ("beyond-exact-by-exponent", "9007199254740992.5e1"), ("beyond-64-bits", "18446744073709551616"),
        ("beyond-any-float", "1e99999"), ("date", '"2026-09-21T14:18:20Z"'),
    ]:
        case(f"v26-{id_}", f"An `exp` of {value} [RFC 7519 §2, CVE-2026-25537]", deny("claim-malformed"), exp=Raw(value))
    for id_, value in [("with-a-fraction-of-zero", "1790000300.0"), ("with-an-exponent", "1.7900003e9"),
                       ("with-a-negative-exponent", "17900003000E-1"), ("with-a-fraction", "1790000300.999")]:
        case(f"v26-{id_}", f"A date is any JSON number: {value} [RFC 7519 §2]", allow(), exp=Raw(value))
    case("v26-a-fraction-lets-nobody-in", "What is left of a second does not count", deny("token-expired"),
         exp=Raw(f"{NOW + 100}.9"), policy=exact, now=NOW + 100)
    case("v26-zero", "1970", deny("token-expired"), exp=0)
    case("v26-smallest", "A number too small to be anything but 1970", deny("token-expired"), exp=Raw("5e-999"))
    case("v26-largest-exact-number", "2^53: a date, though a far one", deny("lifetime-too-long"), exp=2**53)
    case("v26-where-plain-jwts-are-due", "Plain JWTs have to expire, too", deny("claim-missing"),
         token(head=header(typ="JWT"), exp=ABSENT), policy=policy(issuer(profile="jwt")))


def other_dates():
    for claim, error in [("nbf", "token-not-yet-valid"), ("iat", "token-issued-in-future")]:
        for skew, document in [(30, policy()), (0, policy(issuer(clock_skew=0)))]:
            for offset, expect in [(-1, deny(error)), (0, allow()), (1, allow())]:
                case(f"v27-{claim}-skew-{skew}-at-{offset:+}", f"{offset:+} s from where a skew of {skew} s lets `{claim}`"
                     " be past [RFC 7519 §4.1.5 and §4.1.6]", expect, policy=document, now=NOW + 100 - skew + offset,
                     **{claim: NOW + 100})
        for id_, value in [("string", f'"{NOW}"'), ("null", "null"), ("negative", "-1"), ("huge", "1e300"),
                           ("array", f"[{NOW}]"), ("boolean", "true"), ("object", "{}")]:
            case(f"v27-{claim}-{id_}", f"`{claim}` is {value} [RFC 7519 §2]", deny("claim-malformed"),
                 **{claim: Raw(value)})
    case("v27-nbf-absent", "`nbf` may be absent", allow(), nbf=ABSENT)
    case("v27-nbf-past", "`nbf` long past", allow(), nbf=NOW - 10_000)
    exact = policy(issuer(clock_skew=0))
    case("v27-nbf-with-a-fraction", "A fraction of a second is still to come", deny("token-not-yet-valid"),
         nbf=Raw(f"{NOW}.001"), policy=exact)
    case("v27-nbf-with-a-fraction-of-zero", "Nothing is still to come", allow(), nbf=Raw(f"{NOW}.000"), policy=exact)
    case("v27-iat-with-a-fraction", "A fraction of a second counts as its second", allow(), iat=Raw(f"{NOW}.9"),
         policy=exact)
    case("v27-nbf-after-exp", "A token that is never valid", deny("token-not-yet-valid"), nbf=NOW + 400)
    short = policy(issuer(max_lifetime=600))
    case("v27-lifetime-of-600", "As long a life as the policy allows", allow(expiry=NOW + 590), exp=NOW + 590, policy=short)
    case("v27-lifetime-of-601", "One second longer", deny("lifetime-too-long"), exp=NOW + 591, policy=short)
    case("v27-lifetime-at-its-end", "It stays too long up to its end", deny("lifetime-too-long"), exp=NOW + 591,
         policy=short, now=NOW + 590)
    case("v27-lifetime-of-a-day", "The default: a day", allow(expiry=NOW + 86_390), exp=NOW + 86_390)
    case("v27-lifetime-of-a-day-and-1", "One second longer than the default", deny("lifetime-too-long"), exp=NOW + 86_391)
    case("v27-lifetime-since-1970", "Issued in 1970 to be good today", deny("lifetime-too-long"), iat=0)
    plain = policy(issuer(profile="jwt", max_lifetime=600))
    jwt = lambda **changes: token(head=header(typ="JWT"), **changes)
    case("v27-lifetime-without-iat", "Without `iat`, from now on", allow(expiry=NOW + 600), jwt(iat=ABSENT, exp=NOW + 600),
         policy=plain)
    case("v27-lifetime-without-iat-601", "One second longer", deny("lifetime-too-long"), jwt(iat=ABSENT, exp=NOW + 601),
         policy=plain)


def issuers():
    for id_, name in [
        ("slash", f"{ISSUER}/"), ("prefix", ISSUER[:-1]), ("longer", f"{ISSUER}.attacker.example"), ("space", f" {ISSUER}"),
        ("host-in-upper-case", "https://Id.example"), ("scheme-in-upper-case", "HTTPS://id.example"),
        ("http", "http://id.example"), ("port", f"{ISSUER}:443"), ("no-scheme", "id.example"),
        ("look-alike", "https://іd.example"), ("user", "https://id.example@attacker.example"),
        ("fragment", f"{ISSUER}#"), ("nul", f"{ISSUER}\0"), ("percent", "https://id%2eexample"),
    ]:
        case(f"v28-{id_}", f"Another issuer, if a similar one: {compact(name)} [RFC 7519 §4.1.1, RFC 8725 §3.8]",
             deny("issuer-unknown"), iss=name)
    for id_, value in [("array", [ISSUER]), ("number", 1), ("null", None), ("object", {}), ("empty", ""), ("true", True),
                       ("array-of-two", [ISSUER, OTHER])]:
        case(f"v28-{id_}", f"An `iss` that is no name: {id_} [CVE-2024-53861, RFC 7519 §4.1.1]", deny("claim-malformed"),
             iss=value)
    case("v28-absent", "No `iss`", deny("claim-missing"), iss=ABSENT)
    case("v28-escaped", "An escape is another spelling of the same string", allow(),
         iss=Raw('"https:\\/\\/id.ex\\u0061mple"'))
    case("v28-before-the-signature", "An issuer that nobody trusts is refused by its name alone", deny("issuer-unknown"),
         key=E2, iss="https://attacker.example")


def audiences():
    for id_, value in [("string", "orders"), ("array-of-one", ["orders"]), ("among-others", ["stock", "orders"]),
                       ("twice", ["orders", "orders"])]:
        case(f"v29-{id_}", f"The audience is among the token's: {id_} [RFC 7519 §4.1.3]", allow(), aud=value)
    for id_, value in [
        ("other", "stock"), ("prefix", "order"), ("longer", "orders2"), ("upper-case", "Orders"), ("two-in-one", "orders stock"),
        ("comma", "stock,orders"), ("others", ["stock", "bills"]), ("space", "orders "), ("star", "*"), ("issuer", ISSUER),
    ]:
        case(f"v29-not-{id_}", f"The audience is not among the token's: {compact(value)} [RFC 7519 §4.1.3, RFC 8725 §3.9]",
             deny("audience-wrong"), aud=value)
    for id_, value in [
        ("empty-array", []), ("null", None), ("number", 1), ("object", {"orders": 1}), ("empty", ""), ("true", True),
        ("mixed", ["orders", 1]), ("with-null", ["orders", None]), ("with-empty", ["orders", ""]), ("nested", [["orders"]]),
    ]:
        case(f"v29-{id_}", f"An `aud` that is neither a string nor an array of strings: {compact(value)}"
             " [RFC 7519 §4.1.3]", deny("claim-malformed"), aud=value)
    case("v29-absent", "No `aud` [RFC 9068 §2.2, RFC 8725 §3.9]", deny("claim-missing"), aud=ABSENT)
    case("v29-escaped", "An escape is another spelling of the same string", allow(), aud=Raw('"order\\u0073"'))
    several = policy(audiences=["orders", "https://orders.example/api"])
    case("v29-second-of-the-policy", "The policy has two names for the service", allow(), aud="https://orders.example/api",
         policy=several)
    case("v29-none-of-the-policy", "Neither of the two", deny("audience-wrong"), aud="https://orders.example", policy=several)


def trust_domains():
    domain, id_ = "spiffe://example.org", "spiffe://example.org/ns/shop"
    rules = policy(issuer(domain, jwks_uri="https://spire.example/bundle", profile="jwt-svid"))
    jwks = {domain: key_set(R1.jwk(use="x509-svid"), P1.jwk(use="jwt-svid"))}
    plain = {"iss": ABSENT, "client_id": ABSENT, "jti": ABSENT, "sub": id_}
    svid = lambda typ="JWT", **changes: token(P1, head=header(P1, typ=typ), **(plain | changes))
    good = allow(issuer=domain, subject=id_, client=None)
    for name, about, expect, token_ in [
        ("svid", "A JWT-SVID says its trust domain in `sub` [JWT-SVID §3.1]", good, svid()),
        ("svid-of-the-other-type", "`JOSE` is the other type that it can have [JWT-SVID §2.3]", good, svid("JOSE")),
        ("svid-with-iss", "What `iss` says of it means nothing", good, svid(iss="https://spire.example")),
        ("svid-as-an-access-token", "An access token's type", deny("type-forbidden"), svid("at+jwt")),
        ("svid-of-another-domain", "Another trust domain", deny("issuer-unknown"), svid(sub="spiffe://example.com/ns/shop")),
        ("svid-of-no-spiffe-id", "A path with a dot segment [SPIFFE-ID §2.2]", deny("claim-missing"), svid(sub=f"{domain}/../shop")),
    ]:
        case(f"v30-{name}", about, expect, token_, policy=rules, jwks=jwks)
    case("v30-svid-by-another-key-of-the-bundle", "A key of the bundle that is for X.509-SVIDs [SPIFFE Bundle §4.2.2]", deny("key-unknown"),
         token(R1, head=header(R1, typ="JWT"), **plain), policy=rules, jwks=jwks)


def identifiers():
    plain = policy(issuer(profile="jwt"))
    jwt = lambda **changes: token(head=header(typ="JWT"), **changes)
    for claim in ("sub", "client_id", "jti", "iat"):
        case(f"v30-{claim}-absent", f"An access token without `{claim}` [RFC 9068 §2.2]", deny("claim-missing"),
             **{claim: ABSENT})
    for claim, expect in [("sub", deny("claim-missing")), ("client_id", allow(client=None)), ("jti", allow()),
                          ("iat", allow())]:
        case(f"v30-{claim}-absent-where-plain-jwts-are-due", f"A plain JWT without `{claim}`", expect,
             jwt(**{claim: ABSENT}), policy=plain)
    for claim in ("sub", "client_id", "jti"):
        for id_, value in [("number", 1), ("null", None), ("array", ["shop"]), ("object", {}), ("empty", ""),
                           ("boolean", False)]:
            case(f"v30-{claim}-{id_}", f"`{claim}` is no name: {id_} [RFC 7519 §4.1.2 and §4.1.7]",
                 deny("claim-malformed"), **{claim: value})
        case(f"v30-{claim}-number-where-plain-jwts-are-due", f"Where `{claim}` is there, it is a string",
             deny("claim-malformed"), jwt(**{claim: 1}), policy=plain)
    case("v30-others-of-any-type", "What no decision goes by may be of any type [RFC 7519 §4]", allow(),
         auth_time="yesterday", acr=[], amr=1, azp=None, nonce={})


def scopes():
    asks = routes({"scopes": ["read"]})
    for id_, value in [("alone", "read"), ("last", "write read"), ("first", "read write"), ("among", "a read z"),
                       ("twice", "read read")]:
        expected = allow(scopes=sorted(set(value.split(" "))))
        case(f"v31-{id_}", f"The scope is among the token's: `{value}` [RFC 6749 §3.3]", expected, scope=value, policy=asks)
    for id_, value in [("longer", "readwrite"), ("upper-case", "Read"), ("prefix", "rea"), ("qualified", "orders:read"),
                       ("with-a-suffix", "read:all"), ("with-a-dash", "read-only"), ("comma", "read,write"), ("star", "*"),
                       ("none", ""), ("hyphenated", "write-read")]:
        case(f"v31-not-{id_}", f"The scope is not among the token's: `{value}` [RFC 6749 §3.3]", lacking("read"),
             scope=value, policy=asks)
    case("v31-absent", "No scope at all", lacking("read"), scope=ABSENT, policy=asks)
    for id_, value in [
        ("two-spaces", "read  write"), ("space-before", " read"), ("space-after", "read "), ("tab", "read\twrite"),
        ("line-break", "read\nwrite"), ("quote", 'read "write"'), ("backslash", "read\\write"), ("beyond-ascii", "r\u00e9ad"),
        ("no-break-space", "read\u00a0write"), ("space-alone", " "), ("nul", "read\0"),
    ]:
        case(f"v31-{id_}", f"A `scope` that strays from the grammar: {compact(value)} [RFC 6749 §3.3]",
             deny("claim-malformed"), scope=value, policy=asks)
    for id_, value in [("array", ["read"]), ("number", 1), ("null", None), ("object", {"read": True}), ("boolean", True)]:
        case(f"v31-scope-{id_}", f"A `scope` that is no string: {id_} [RFC 8693 §4.2]", deny("claim-malformed"),
             scope=value, policy=asks)
    read = allow(scopes=["read"])
    both = allow(scopes=["read", "write"])
    for id_, value, expect in [
        ("string", "read write", both), ("array", ["write", "read"], both), ("array-of-one", ["read"], read),
        ("empty-array", [], lacking("read")), ("empty", "", lacking("read")), ("array-upper-case", ["READ"], lacking("read")),
        ("array-longer", ["readwrite"], lacking("read")),
    ]:
        case(f"v31-scp-{id_}", f"Scopes in `scp`, as other issuers have them: {compact(value)}", expect, scope=ABSENT,
             scp=value, policy=asks)
    for id_, value in [("mixed", ["read", 1]), ("two-in-one", ["read write"]), ("with-empty", ["read", ""]), ("number", 1),
                       ("null", None), ("nested", [["read"]]), ("two-spaces", "read  write"), ("object", {"read": 1})]:
        case(f"v31-scp-{id_}", f"An `scp` that is neither a string of scopes nor an array of them: {compact(value)}",
             deny("claim-malformed"), scope=ABSENT, scp=value, policy=asks)
    case("v31-both-agree", "Both claims, in other words the same", both, scope="read write", scp=["write", "read"],
         policy=asks)
    for id_, scope, scp in [("more", "read", ["read", "write"]), ("less", "read write", ["read"]), ("empty", "read", []),
                            ("case", "read", "READ"), ("none-in-scope", "", "read")]:
        case(f"v31-both-disagree-{id_}", f"`scope` and `scp` tell two stories: {compact(scope)} and {compact(scp)}",
             deny("scopes-disagree"), scope=scope, scp=scp, policy=asks)


def several_issuers():
    two = policy(issuer(), issuer(OTHER))
    apart = {ISSUER: key_set(E1), OTHER: key_set(E2)}
    same = {ISSUER: key_set(E1.jwk(kid="k")), OTHER: key_set(E2.jwk(kid="k"))}
    of = lambda key, name, kid: token(key, head=header(key, kid=kid), iss=name)
    for id_, about, value, jwks, expect in [
        ("first", "The key of the first issuer, its token", of(E1, ISSUER, "e1"), apart, allow()),
        ("second", "The key of the second, its token", of(E2, OTHER, "e2"), apart, allow(issuer=OTHER)),
        ("key-of-the-other", "The key of the first, a token of the second", of(E1, OTHER, "e1"), apart, deny("key-unknown")),
        ("key-of-the-other-nameless", "The same without a `kid`", of(E1, OTHER, ABSENT), apart, deny("signature-wrong")),
        ("same-kid-first", "Both call their key `k`: the first's token", of(E1, ISSUER, "k"), same, allow()),
        ("same-kid-second", "The second's", of(E2, OTHER, "k"), same, allow(issuer=OTHER)),
        ("same-kid-crossed", "The first's key, the second's token", of(E1, OTHER, "k"), same, deny("signature-wrong")),
        ("same-kid-crossed-back", "The second's key, the first's token", of(E2, ISSUER, "k"), same, deny("signature-wrong")),
    ]:
        case(f"v32-{id_}", f"{about} [RFC 8725 §3.8]", expect, value, jwks=jwks, policy=two)
    rules = policy(issuer(algorithms=["EdDSA"]), issuer(OTHER, profile="jwt", algorithms=["ES256"], clock_skew=0))
    jwks = {ISSUER: key_set(E1), OTHER: key_set(P1)}
    plain = token(P1, head=header(P1, typ=ABSENT), iss=OTHER, client_id=ABSENT, jti=ABSENT)
    case("v32-own-rules", "A plain JWT of the issuer for whom that is right", allow(issuer=OTHER, client=None), plain,
         jwks=jwks, policy=rules)
    case("v32-own-skew", "Each issuer has its own skew", deny("token-expired"), plain, jwks=jwks, policy=rules, now=NOW + 300)
    case("v32-rules-of-the-other", "A plain JWT of the issuer for whom it is not", deny("type-forbidden"),
         token(head=header(typ=ABSENT)), jwks=jwks, policy=rules)
    case("v32-algorithm-of-the-other", "An algorithm that the other issuer may use", deny("algorithm-forbidden"),
         token(head=header(typ=ABSENT), iss=OTHER), jwks=jwks, policy=rules)
    case("v32-keys-of-one-are-enough", "The other issuer's keys cannot be had, and nobody asks for them", allow(),
         jwks={ISSUER: key_set(E1)}, policy=two)


def confirmations():
    thumbprint = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"
    for id_, about, value in [
        ("jkt", "Bound to a DPoP key", {"jkt": thumbprint}),
        ("certificate", "Bound to a client certificate", {"x5t#S256": thumbprint}),
        ("jwk", "Bound to a key in it", {"jwk": E2.jwk()}),
        ("unknown-method", "Bound in a way that nobody here knows", {"osc": {"id": "AQ"}}),
        ("empty", "Bound to nothing that could be told", {}),
        ("null", "Bound to null", None),
        ("string", "Bound to a string", "jkt"),
        ("two-methods", "Bound twice", {"jkt": thumbprint, "x5t#S256": thumbprint}),
    ]:
        case(f"v38-{id_}", f"{about}, and sent as if whoever holds it may use it [RFC 9449 §7.2, RFC 7800 §3.1]",
             deny("sender-constrained"), cnf=value)
    case("v38-unbound", "The same token, not bound", allow())
    case("v38-another-name", "A claim of another name binds nothing", allow(), cnf_=1)
    case("v38-expired-first", "Expired and bound: the former is said", deny("token-expired"), cnf={}, now=NOW + 330)


def order():
    """Where a token is wrong in two ways, the earlier check has the word; a forgery is a forgery above all."""
    case("order-forged-and-expired", "Forged and expired", deny("signature-wrong"),
         token(E2, head=header(E1)), now=NOW + 10_000)
    case("order-forged-and-malformed", "Forged and with claims of wrong types", deny("signature-wrong"),
         token(E2, head=header(E1), payload=claims(sub=1, exp="x")))
    case("order-forged-for-another", "Forged, and for another audience", deny("signature-wrong"),
         token(E2, head=header(E1), aud="stock"))
    case("order-type-before-key", "Of a wrong type and an unknown key", deny("type-forbidden"),
         token(head=header(typ="JWT", kid="nobody")))
    case("order-algorithm-before-type", "By a forbidden algorithm, and of a wrong type", deny("algorithm-forbidden"),
         token(head=header(typ="JWT")), policy=policy(issuer(algorithms=["ES256"])))
    case("order-issuer-before-type", "Of an unknown issuer and a wrong type", deny("issuer-unknown"),
         token(head=header(typ="JWT"), iss=OTHER))
    case("order-header-before-claims", "A bad header over bad claims", deny("header-malformed"),
         token(head=header(kid=1), payload="[]"))
    case("order-shape-before-time", "Expired, and the audience malformed", deny("claim-malformed"), aud=[], now=NOW + 10_000)
    case("order-sub-before-aud", "No subject, and an empty audience: the subject comes first", deny("claim-missing"), sub=ABSENT,
         aud=[])
    case("order-time-before-audience", "Expired, and for another audience", deny("token-expired"), aud="stock",
         now=NOW + 10_000)
    case("order-token-before-route", "Expired, where no route is", deny("token-expired"), now=NOW + 10_000,
         policy=routes({"path": {"exact": "/elsewhere"}}))


for part in (expiry, other_dates, issuers, audiences, trust_domains, identifiers, scopes, several_issuers, confirmations, order):
    part()
