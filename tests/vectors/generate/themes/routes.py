"""Which route a request meets: methods, hosts, paths, order, public and optional ones."""

from corpus import Theme, allow, deny, header, lacking, public, routes, token
from keys import E1, E2

theme = Theme("routes")
case = theme.case

AT = "https://orders.example"
NONE = deny("route-unknown")


def paths():
    """Each path pattern, met by a token without scopes: a match lacks the scope, anything else has no route."""
    hit = lacking("x")
    for kind, pattern, tries in [
        ("exact", "/orders", [
            ("itself", "/orders", hit), ("query", "/orders?a=b", hit), ("slash", "/orders/", NONE), ("below", "/orders/1", NONE),
            ("longer", "/orders2", NONE), ("shorter", "/order", NONE), ("case", "/Orders", NONE),
        ]),
        ("exact", "/", [("root", "/", hit), ("root-and-more", "/a", NONE)]),
        ("prefix", "/orders", [
            ("itself", "/orders", hit), ("slash", "/orders/", hit), ("below", "/orders/1/lines", hit), ("query", "/orders?/x", hit),
            ("longer", "/orders-new", NONE), ("shorter", "/order", NONE), ("elsewhere", "/a/orders", NONE),
        ]),
        ("prefix", "/static/", [("folder", "/static/", hit), ("in-the-folder", "/static/a.css", hit),
                                ("no-folder", "/static", NONE)]),
        ("template", "/orders/{id}/lines/{line}", [
            ("two", "/orders/7/lines/2", hit), ("odd-values", "/orders/a%20b/lines/-", hit), ("braces", "/orders/%7Bid%7D/lines/1", hit),
            ("fewer", "/orders/7/lines", NONE), ("more", "/orders/7/lines/2/3", NONE), ("empty-last", "/orders/7/lines/", NONE),
            ("literal-differs", "/orders/7/line/2", NONE), ("slash-after", "/orders/7/lines/2/", NONE),
        ]),
        ("template", "/{a}", [("any-one", "/anything", hit), ("not-none", "/", NONE), ("not-two", "/a/b", NONE)]),
        ("regex", "/orders/[0-9]+", [
            ("digits", "/orders/123", hit), ("digits-and-more", "/orders/123/lines", NONE), ("letters", "/orders/abc", NONE),
            ("before", "/x/orders/1", NONE), ("nothing", "/orders/", NONE),
        ]),
        ("regex", "/a|/b", [("first-way", "/a", hit), ("second-way", "/b", hit), ("first-way-and-more", "/ab", NONE),
                            ("more-and-second-way", "/a/b", NONE)]),
        ("regex", "/(a+)+", [("nested", "/" + "a" * 40, hit), ("nested-in-vain", "/" + "a" * 1000 + "!", NONE)]),
        ("regex", "(?i)/reports/.*", [("any-case", "/REPORTS/x", hit), ("only-below", "/reports", NONE)]),
    ]:
        document = routes({"path": {kind: pattern}, "scopes": ["x"]})
        for id_, target, expect in tries:
            case(f"route-{kind}-{id_}", f"{kind} {pattern} against {target[:60]}", expect, url=AT + target, policy=document)


def methods():
    document = routes({"methods": ["GET", "HEAD"], "scopes": ["orders:read"]}, {"methods": ["POST"], "scopes": ["x"]})
    for method, expect in [("GET", allow()), ("HEAD", allow()), ("POST", lacking("x")), ("PUT", NONE), ("get", NONE),
                           ("Get", NONE), ("GETX", NONE), ("OPTIONS", NONE)]:
        case(f"route-method-{method}", f"{method}, where rules are for GET, HEAD and POST: compared exactly [RFC 9110 §9.1]",
             expect, method=method, policy=document)
    case("route-method-own", "A method of one's own", allow(), method="BREW", policy=routes({"methods": ["BREW"]}))


def hosts():
    document = routes({"hosts": ["orders.example", "*.internal.example"], "scopes": ["x"]})
    hit = lacking("x")
    for id_, host, expect in [
        ("name", "orders.example", hit), ("name-in-upper-case", "ORDERS.Example", hit), ("port", "orders.example:8443", hit),
        ("dot", "orders.example.", hit), ("below", "a.internal.example", hit), ("further-below", "b.a.internal.example", hit),
        ("below-with-a-port", "a.internal.example:80", hit), ("not-the-top", "internal.example", NONE),
        ("other", "stock.example", NONE), ("longer", "orders.example.attacker.example", NONE), ("before", "xorders.example", NONE),
        ("below-the-name", "a.orders.example", NONE), ("no-label", "xinternal.example", NONE),
        ("address", "192.0.2.1", NONE), ("address-6", "[2001:db8::1]:443", NONE),
    ]:
        case(f"route-host-{id_}", f"{host}, where a rule is for orders.example and *.internal.example [RFC 9110 §7.2]", expect,
             url=f"https://{host}/orders", policy=document)
    six = routes({"hosts": ["[2001:db8::1]"], "scopes": ["x"]})
    case("route-host-address-6-named", "An IPv6 address, with and without a port", hit, url="https://[2001:db8::1]:443/",
         policy=six)
    both = routes({"hosts": ["a.example"], "path": {"prefix": "/x"}, "methods": ["GET"], "scopes": ["x"]})
    for id_, method, url, expect in [("all", "GET", "https://a.example/x/1", hit), ("host", "GET", "https://b.example/x/1", NONE),
                                     ("path", "GET", "https://a.example/y", NONE), ("method", "PUT", "https://a.example/x/1", NONE)]:
        case(f"route-all-parts-{id_}", "A rule for a method, a host and a path is for nothing less", expect, method=method, url=url,
             policy=both)


def order():
    document = routes(
        {"path": {"exact": "/healthz"}, "public": True},
        {"methods": ["GET"], "path": {"template": "/orders/{id}"}, "scopes": ["orders:read"]},
        {"path": {"exact": "/orders/all"}, "scopes": ["late"]},
        {"path": {"prefix": "/orders"}, "scopes": ["orders:write"]},
        {"methods": ["POST"], "scopes": ["post"]},
    )
    for id_, method, target, expect in [
        ("first", "GET", "/healthz", public()), ("second", "GET", "/orders/1", allow()), ("earlier-wins", "GET", "/orders/all", allow()),
        ("past-a-method", "PUT", "/orders/all", lacking("late")), ("general", "PUT", "/orders/1", lacking("orders:write")),
        ("general-by-path", "GET", "/orders/1/lines", lacking("orders:write")), ("last", "POST", "/other", lacking("post")),
        ("none", "GET", "/other", NONE),
    ]:
        case(f"route-order-{id_}", "The first rule that matches decides, and none matches in its place", expect, method=method,
             url=AT + target, policy=document)
    for id_, about, expect, more in [
        ("without-a-token", "Without a token nobody learns that there is no route", deny("token-missing"), {"headers": []}),
        ("with-a-forged-token", "Nor with a forged one", deny("signature-wrong"), {"token_": token(E2, head=header(E1))}),
        ("for-another", "Nor with a token for somebody else", deny("audience-wrong"), {"aud": "stock"}),
        ("with-a-good-token", "With a good token one does", NONE, {}),
    ]:
        case(f"route-unknown-{id_}", about, expect, url=f"{AT}/other", policy=document, **more)


def public_and_optional():
    document = routes({"path": {"exact": "/free"}, "public": True},
                      {"path": {"exact": "/maybe"}, "optional": True, "scopes": ["orders:read"]}, {})
    for id_, about, target, expect, more in [
        ("public-without", "A public route without a token", "/free", public(), {"headers": []}),
        ("public-with", "A public route with a good token: nobody looks", "/free", public(), {}),
        ("public-with-a-bad-one", "A public route with a bad token: nobody looks", "/free", public(), {"token_": "bad"}),
        ("public-with-an-expired-one", "A public route with an expired token", "/free", public(), {"exp": 1}),
        ("optional-without", "An optional route without a token", "/maybe", public(), {"headers": []}),
        ("optional-with-another-scheme", "An optional route with another scheme's credentials", "/maybe", public(),
         {"headers": [["authorization", "Basic dTpw"]]}),
        ("optional-with", "An optional route with a good token", "/maybe", allow(), {}),
        ("optional-with-a-bad-one", "An optional route with a bad token", "/maybe", deny("token-not-compact"), {"token_": "bad"}),
        ("optional-with-an-expired-one", "An optional route with an expired token", "/maybe", deny("token-expired"),
         {"now": 1_790_000_330}),
        ("optional-with-a-malformed-one", "An optional route with Bearer and nothing", "/maybe", deny("credentials-malformed"),
         {"headers": [["authorization", "Bearer"]]}),
        ("optional-with-two", "An optional route with two tokens", "/maybe", deny("credentials-repeated"),
         {"headers": [["authorization", f"Bearer {token()}"]] * 2}),
        ("optional-with-too-little", "An optional route with a token of too few scopes", "/maybe", lacking("orders:read"),
         {"scope": "other"}),
        ("neither-without", "A route that is neither, without a token", "/", deny("token-missing"), {"headers": []}),
        ("neither-with", "A route that is neither, with a good token", "/", allow(), {}),
    ]:
        case(f"route-{id_}", about, expect, url=AT + target, policy=document, **more)
    case("route-optional-without-keys", "An optional route, a token, and no keys to hold it against", deny("keys-unavailable"),
         url=f"{AT}/maybe", policy=document, jwks={})


for part in (paths, methods, hosts, order, public_and_optional):
    part()
