"""Ways to run a policy: dry run, CORS preflight, the resource's own document, the token cache (checklist 35, 41)."""

from corpus import ANSWERED, NOW, Theme, allow, bearer, deny, header, lacking, policy, public, reported, routes, token
from jose import ORDER, decode, encode
from keys import E1, E2, P1

theme = Theme("modes")
case = theme.case

AT = "https://orders.example"


def dry_runs():
    whole = routes({"path": {"exact": "/free"}, "public": True}, {"scopes": ["orders:read"]}, dry_run=True)
    one = routes({"path": {"prefix": "/new"}, "scopes": ["orders:read"], "dry_run": True}, {"scopes": ["orders:read"]})
    refusals = [
        ("token-missing", {"headers": []}), ("token-expired", {"now": NOW + 330}),
        ("signature-wrong", {"token_": token(E2, head=header(E1))}),
        ("scope-insufficient", {"scope": "x"}), ("credentials-malformed", {"headers": [["authorization", "Bearer"]]}),
        ("credentials-repeated", {"headers": bearer(token()) * 2}), ("audience-wrong", {"aud": "stock"}),
        ("keys-unavailable", {"jwks": {}}), ("key-unknown", {"token_": token(head=header(kid="x"))}),
    ]
    for error, more in refusals:
        case(f"dry-run-{error}", f"A dry run lets pass what is refused, and says so upstream: {error}", reported(error), policy=whole,
             **more)
        if error not in ("token-missing", "token-expired", "scope-insufficient"):
            continue
        case(f"dry-run-of-a-route-{error}", f"A route's dry run does the same for it: {error}", reported(error), url=f"{AT}/new",
             policy=one, **more)
        case(f"dry-run-of-another-route-{error}", f"And nothing for other routes: {error}",
             lacking("orders:read") if error == "scope-insufficient" else deny(error), url=f"{AT}/old", policy=one, **more)
    case("dry-run-route-unknown", "A dry run of a policy with a gap", reported("route-unknown"),
         policy=routes({"path": {"exact": "/x"}}, dry_run=True))
    case("dry-run-target-refused", "Even of an ambiguous path", reported("target-refused"), url=f"{AT}/a/../b", headers=[], policy=whole)
    case("dry-run-good", "A good request in a dry run keeps its token, since the service still looks at it itself", allow(remove=[]),
         policy=whole)
    case("dry-run-of-a-route-good", "So does one on a route's dry run", allow(remove=[]), url=f"{AT}/new", policy=one)
    case("dry-run-of-another-route-good", "And not one on another route", allow(), url=f"{AT}/old", policy=one)
    case("dry-run-public", "A public route is nothing to report", public(), url=f"{AT}/free", policy=whole)
    case("dry-run-off", "`false` is as good as nothing", deny("token-missing"), headers=[],
         policy=routes({"scopes": ["orders:read"], "dry_run": False}, dry_run=False))
    sends = whole | {"upstream": {"claims": [{"claim": "sub", "header": "x-subject"}]}}
    case("dry-run-and-fields", "A dry run removes the caller's copies of what the verifier sets", reported("token-missing", ["x-subject"]),
         headers=[["x-subject", "admin"]], policy=sends)


def preflights():
    asks = [["origin", "https://app.example"], ["access-control-request-method", "PUT"]]
    document = policy(cors_preflight=True)
    here = {"method": "OPTIONS", "headers": asks}
    case("cors-preflight", "A browser's question before the request, which has no token [Fetch §4.8]", public(), policy=document, **here)
    case("cors-preflight-with-headers", "The same with the fields that it asks for", public(), method="OPTIONS",
         headers=[*asks, ["access-control-request-headers", "authorization"]], policy=document)
    case("cors-preflight-in-another-case", "Names of fields are compared without case", public(), method="OPTIONS",
         headers=[["Origin", "null"], ["Access-Control-Request-Method", "GET"]], policy=document)
    for id_, about, method, headers in [
        ("no-origin", "Without an origin", "OPTIONS", asks[1:]), ("no-method", "Without the method that it asks for", "OPTIONS", asks[:1]),
        ("get", "Another method", "GET", asks), ("in-lower-case", "A method in another case [RFC 9110 §9.1]", "options", asks),
        ("options", "OPTIONS and nothing else", "OPTIONS", []),
    ]:
        case(f"cors-{id_}", f"{about}: no preflight", deny("token-missing"), method=method, headers=headers, policy=document)
    case("cors-off", "The policy does not let preflights pass", deny("token-missing"), policy=policy(), **here)
    case("cors-with-a-route", "Whatever its route requires", public(), policy=routes({"scopes": ["admin"]}, cors_preflight=True), **here)
    case("cors-ambiguous-target", "But for an ambiguous path", deny("target-refused"), url=f"{AT}/a/../b",
         policy=routes({"scopes": ["admin"]}, cors_preflight=True), **here)
    case("cors-with-a-bad-token", "A token is not looked at", public(), method="OPTIONS", headers=[*asks, *bearer("bad")], policy=document)


def resource_metadata():
    described = routes({"scopes": ["orders:read"]}, challenge={"realm": "orders"},
                       resource={"identifier": f"{AT}/api", "name": "Orders"})
    place = f"{AT}/.well-known/oauth-protected-resource"
    for id_, about, method, url, expect in [
        ("get", "The document of the resource, to anybody", "GET", f"{place}/api", ANSWERED),
        ("head", "Its head", "HEAD", f"{place}/api", ANSWERED),
        ("with-a-query", "A query changes nothing", "GET", f"{place}/api?a=b", ANSWERED),
        ("in-another-spelling", "Nor does another spelling", "GET", f"{AT}/.well-known/oauth-protected-resource/%61pi", ANSWERED),
    ]:
        case(f"v35-metadata-{id_}", f"{about} [RFC 9728 §3.1]", expect, method=method, url=url, headers=[], policy=described)
    link = f'Bearer realm="orders", resource_metadata="{place}/api"'
    missing = deny("token-missing", 401, link)
    for id_, about, method, url in [
        ("post", "Another method", "POST", f"{place}/api"), ("elsewhere", "The place of another resource", "GET", f"{place}/other"),
        ("at-the-root", "The place of the root", "GET", place), ("slash", "A slash after it", "GET", f"{place}/api/"),
    ]:
        case(f"v35-metadata-not-{id_}", f"{about}: no document, and a challenge that says where it is [RFC 9728 §5.1]", missing,
             method=method, url=url, headers=[], policy=described)
    case("v35-metadata-named-with-a-code", "A challenge with a code says where the document is, too [RFC 9728 §5.1]",
         deny("token-expired", 401, f'Bearer realm="orders", error="invalid_token", resource_metadata="{place}/api"'), now=NOW + 330,
         policy=described)
    case("v35-metadata-elsewhere-by-word", "The policy names another place", deny("token-missing", 401,
         'Bearer realm="orders", resource_metadata="https://docs.example/orders"'), headers=[], policy=described | {
             "challenge": {"realm": "orders", "resource_metadata": "https://docs.example/orders"}})
    root = routes({}, resource={"identifier": AT})
    case("v35-metadata-of-the-root", "A resource without a path has its document at the root [RFC 9728 §3.1]", ANSWERED, url=place,
         headers=[], policy=root)
    case("v35-metadata-ambiguous", "A path that could be read as that of the document", deny("target-refused"),
         url=f"{AT}/.well-known/x/../oauth-protected-resource/api", headers=[], policy=described)
    case("v35-metadata-without-a-resource", "A policy that says nothing of a resource", deny("token-missing"), url=f"{place}/api",
         headers=[], policy=routes({}))


def caches():
    for id_, cache in [("off", {"entries": 0}), ("of-one", {"entries": 1}), ("without-bytes", {"bytes": 0})]:
        document = routes({"path": {"prefix": "/admin"}, "scopes": ["admin"]}, {"scopes": ["orders:read"]}, token_cache=cache)
        case(f"v41-{id_}-good", f"A token cache {id_}: a good token", allow(), policy=document)
        case(f"v41-{id_}-expired", f"A token cache {id_}: an expired one", deny("token-expired"), policy=document, now=NOW + 330)
        case(f"v41-{id_}-other-route", f"A token cache {id_}: the route with other scopes", lacking("admin"), url=f"{AT}/admin",
             policy=document)


def remembered():
    """Each is asked about after the good token that it was made of: what was verified once is not all that counts."""
    good = token(P1)
    head, body, signature = good.split(".")
    again = {"key": P1, "before": [good]}
    per_route = routes({"path": {"prefix": "/admin"}, "scopes": ["admin"]}, {"path": {"prefix": "/other"}, "audiences": ["other"]},
                       {"path": {"prefix": "/staff"}, "claims": [{"claim": "staff", "equals": True}]}, {})
    case("v41-again", "A token, twice", allow(), good, **again)
    case("v41-again-expired", "A token that expired since", deny("token-expired"), good, now=NOW + 330, **again)
    case("v41-again-before-its-time", "A token, and a clock that was put back", deny("token-issued-in-future"), good, now=NOW - 50, **again)
    for id_, path, expect in [("scopes", "/admin", lacking("admin")), ("audience", "/other", deny("audience-wrong")),
                              ("claims", "/staff", deny("claim-refused"))]:
        case(f"v41-again-{id_}", f"A token on a route that asks for other {id_}", expect, good, url=f"{AT}{path}", policy=per_route,
             **again)
    r, s = int.from_bytes(decode(signature)[:32]), int.from_bytes(decode(signature)[32:])
    other = encode(P1.signer.pair(r, ORDER["P-256"] - s))
    case("v41-again-with-the-other-s", "The same claims under the other form of the same signature: good, and not the same token", allow(),
         f"{head}.{body}.{other}", **again)
    case("v41-again-with-another-signature", "The same claims under a wrong signature", deny("signature-wrong"),
         f"{head}.{body}.{encode(P1.signer.pair(r, s - 1))}", **again)
    case("v41-again-with-other-claims", "Other claims under the same signature", deny("signature-wrong"),
         f"{head}.{token(P1, sub='admin').split('.')[1]}.{signature}", **again)
    case("v41-again-with-another-header", "Another header over both", deny("signature-wrong"),
         f"{encode(header(P1) + ' ')}.{body}.{signature}", **again)
    case("v41-again-in-another-request", "A token that came twice in one request the second time", deny("credentials-repeated"),
         headers=bearer(good) * 2, **again)
    case("v41-refused-before", "A token that was refused on its first day is good when its time has come", allow(), now=NOW + 100,
         token_=token(nbf=NOW + 100), before=[token(nbf=NOW + 100)])
    case("v42-after-a-flood", "A good token after a flood of keys that nobody has", allow(),
         before=[token(head=header(kid=f"x{n}")) for n in range(5)])
    case("v42-unknown-after-a-flood", "One more of them", deny("key-unknown"), token(head=header(kid="x9")),
         before=[token(head=header(kid=f"x{n}")) for n in range(5)])


for part in (dry_runs, preflights, resource_metadata, caches, remembered):
    part()
