"""What a refusal tells the caller: status and challenge (checklist 34 and 35)."""

from corpus import NOW, Theme, allow, bearer, deny, header, policy, token
from keys import E1, E2

theme = Theme("answers")
case = theme.case

METADATA = "https://orders.example/.well-known/oauth-protected-resource"


def challenged(realm=None, url=None, **members):
    challenge = {name: value for name, value in [("realm", realm), ("resource_metadata", url)] if value}
    return policy(**members) | ({"challenge": challenge} if challenge else {})


def codes():
    asks = [{"scopes": ["orders:read"]}]
    bare = challenged(routes=asks)
    for id_, about, expect, more in [
        ("nothing", "No token: a challenge without a code", deny("token-missing", 401, "Bearer"), {"headers": []}),
        ("other-scheme", "Another scheme is no token", deny("token-missing", 401, "Bearer"),
         {"headers": [["authorization", "Basic dTpw"]]}),
        ("malformed", "A malformed request", deny("credentials-malformed", 400, 'Bearer error="invalid_request"'),
         {"headers": [["authorization", "Bearer"]]}),
        ("repeated", "A token too many", deny("credentials-repeated", 400, 'Bearer error="invalid_request"'),
         {"headers": bearer(token()) * 2}),
        ("expired", "An expired token", deny("token-expired", 401, 'Bearer error="invalid_token"'), {"now": NOW + 330}),
        ("forged", "A forged token", deny("signature-wrong", 401, 'Bearer error="invalid_token"'),
         {"token_": token(E2, head=header(E1))}),
        ("garbage", "No token at all, though it is called one", deny("token-not-compact", 401, 'Bearer error="invalid_token"'),
         {"token_": "garbage"}),
        ("audience", "A token for somebody else", deny("audience-wrong", 401, 'Bearer error="invalid_token"'),
         {"aud": "stock"}),
        ("scope", "A token of too few scopes", deny("scope-insufficient", 403,
                                                     'Bearer error="insufficient_scope", scope="orders:read"'),
         {"scope": "orders:write"}),
        ("target", "An ambiguous target: no token helps", deny("target-refused", 400, None),
         {"url": "https://orders.example/orders//1"}),
        ("keys", "No keys: no token helps", deny("keys-unavailable", 503, None), {"jwks": {}}),
    ]:
        case(f"v34-{id_}", f"{about} [RFC 6750 §3 and §3.1]", expect, policy=bare, **more)
    case("v34-good", "The token of the cases before this one", allow(), policy=bare)
    case("v34-route", "No route for the request: no token helps", deny("route-unknown", 403, None),
         policy=challenged(routes=[{"path": {"exact": "/elsewhere"}}]))


def texts():
    for id_, about, realm, url, text in [
        ("realm", "A realm", "orders", None, 'Bearer realm="orders"'),
        ("metadata", "Where the resource describes itself", None, METADATA, f'Bearer resource_metadata="{METADATA}"'),
        ("both", "Both", "orders", METADATA, f'Bearer realm="orders", resource_metadata="{METADATA}"'),
        ("quotes", "Quotes in the realm", 'a "b" c', None, r'Bearer realm="a \"b\" c"'),
        ("backslash", "A backslash in the realm", "a\\b", None, r'Bearer realm="a\\b"'),
        ("both-in-a-row", "A backslash before a quote", 'a\\"b', None, r'Bearer realm="a\\\"b"'),
        ("comma", "What would start another challenge", 'x", Basic realm="y', None,
         r'Bearer realm="x\", Basic realm=\"y"'),
        ("spaces", "Spaces stay as they are", "  a  ", None, 'Bearer realm="  a  "'),
        ("printable", "Everything that may be in a realm", "!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~", None,
         "Bearer realm=\"!#$%&'()*+,-./09:;<=>?@AZ[]^_`az{|}~\""),
        ("query", "A URL with a query", None, f"{METADATA}?a=b,c&d='e'", f"Bearer resource_metadata=\"{METADATA}?a=b,c&d='e'\""),
    ]:
        case(f"v35-{id_}", f"{about}, in a challenge without a code [RFC 9110 §5.6.4 and §11.6.1, RFC 9728 §5.1]",
             deny("token-missing", 401, text), headers=[], policy=challenged(realm, url))
        with_code = text.replace(", resource_metadata", ', error="invalid_token", resource_metadata') if realm and url else (
            text.replace("Bearer resource_metadata", 'Bearer error="invalid_token", resource_metadata') if url
            else f'{text}, error="invalid_token"')
        case(f"v35-{id_}-and-a-code", f"{about}, in a challenge with a code [RFC 9110 §5.6.4 and §11.6.1, RFC 9728 §5.1]",
             deny("token-expired", 401, with_code), now=NOW + 330, policy=challenged(realm, url))
    everything = challenged("orders", METADATA, routes=[{"scopes": ["a", "b"]}])
    case("v35-everything", "A challenge with all that it can have [RFC 6750 §3, RFC 9728 §5.1]",
         deny("scope-insufficient", 403, f'Bearer realm="orders", error="insufficient_scope", scope="a b", '
              f'resource_metadata="{METADATA}"'), scope="b", policy=everything)
    case("v35-everything-and-repeated", "The same for a request with two tokens",
         deny("credentials-repeated", 400, f'Bearer realm="orders", error="invalid_request", resource_metadata="{METADATA}"'),
         headers=bearer(token()) * 2, policy=everything)
    # What came with the request is never in the answer, whatever it is.
    break_ = 'x"\r\nset-cookie: a=b'
    for id_, changes in [("kid", {"token_": token(head=header(kid=break_))}), ("sub", {"sub": break_, "aud": "x"}),
                         ("iss", {"iss": break_}), ("scope", {"scope": break_}), ("aud", {"aud": break_}),
                         ("typ", {"token_": token(head=header(typ=break_))}), ("alg", {"token_": token(head=header(alg=break_))})]:
        error = {"kid": "header-malformed", "sub": "audience-wrong", "iss": "issuer-unknown", "scope": "claim-malformed",
                 "aud": "audience-wrong", "typ": "type-forbidden", "alg": "algorithm-unknown"}[id_]
        case(f"v35-nothing-of-the-token-{id_}", f"A line break in `{id_}` reaches no answer [RFC 9110 §5.5]", deny(error),
             **changes)


for part in (codes, texts):
    part()
