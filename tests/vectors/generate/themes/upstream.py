"""What goes upstream with an allowed request, and what does not (checklist 36)."""

from corpus import ABSENT, Raw, Theme, allow, bearer, deny, policy, public, token

theme = Theme("upstream")
case = theme.case


def sends(*pairs, **members):
    """A policy that sends claims in fields."""
    return policy(upstream={"claims": [{"claim": claim, "header": field} for claim, field in pairs]} | members)


def the_token():
    case("v36-token-removed", "The token stays with the verifier", allow())
    case("v36-token-forwarded", "Unless the policy lets it go on", allow(remove=[]), policy=policy(upstream={"forward_token": True}))
    case("v36-token-removed-by-word", "It stays where the policy says so", allow(), policy=policy(upstream={"forward_token": False}))
    case("v36-own-field-of-the-verifier", "The field of a dry run is removed even where there is none, so that no caller feigns one",
         allow(), headers=bearer(token()) + [["Tessera_Dry_Run", "expired"]])


def claims():
    subject = sends(("sub", "x-subject"))
    for id_, headers in [("plain", [["x-subject", "admin"]]), ("upper-case", [["X-SUBJECT", "admin"]]),
                         ("underscore", [["x_subject", "admin"]]), ("both", [["X_Subject", "a"], ["x-subject", "b"]])]:
        case(f"v36-inbound-{id_}", "A caller's copy of a field that the verifier sets goes, in any case and spelling [RFC 3875 §4.1.18]",
             allow(["authorization", "x-subject"], [("x-subject", "shop")]), headers=bearer(token()) + headers, policy=subject)
    case("v36-inbound-on-a-public-route", "Also on a public route, where nothing is set in its place", public(["x-subject"]),
         headers=[["x-subject", "admin"]], policy=subject | {"routes": [{"public": True}]})
    case("v36-inbound-on-an-optional-route", "And on an optional one, without a token", public(["x-subject"]),
         headers=[["x-subject", "admin"]], policy=subject | {"routes": [{"optional": True}]})
    case("v36-inbound-and-no-claim", "And where the token lacks the claim", allow(["authorization", "x-tenant"]),
         headers=bearer(token()) + [["x-tenant", "admin"]], policy=sends(("tenant", "x-tenant")))
    case("v36-field-in-upper-case", "Names of fields are set in lower case", allow(["authorization", "x-subject"], [("x-subject", "shop")]),
         policy=sends(("sub", "X-Subject")))
    case("v36-field-with-an-underscore", "An underscore stays in the name that is set; both spellings are removed",
         allow(["authorization", "x-sub"], [("x_sub", "shop")]), policy=sends(("sub", "x_sub")))
    for id_, about, value, sent in [
        ("text", "A text", "acme", "acme"),
        ("text-with-spaces", "A text with spaces inside", "a b  c", "a b  c"),
        ("every-character", "Printable ASCII", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"),
        ("number", "A number", 42, "42"),
        ("number-as-written", "A number as it is written", Raw("4.20e1"), "4.20e1"),
        ("negative", "A negative number", -1, "-1"),
        ("true", "A boolean", True, "true"),
        ("false", "A boolean", False, "false"),
        ("list", "A list", ["a", "b"], "a,b"),
        ("list-of-one", "A list of one", ["a"], "a"),
        ("mixed-list", "A list of scalars", ["a", 1, True], "a,1,true"),
        ("escaped", "A text with escapes of what needs none", Raw('"\\u0061\\/b"'), "a/b"),
        ("absent", "No such claim", ABSENT, None),
        ("null", "null", None, None),
        ("object", "An object", {"a": 1}, None),
        ("empty", "An empty text", "", None),
        ("empty-list", "An empty list", [], None),
        ("list-with-an-object", "A list with an object in it", ["a", {}], None),
        ("list-with-null", "A list with null in it", ["a", None], None),
        ("list-with-a-comma", "A list with a comma in an element, which would make two of it", ["a,b", "c"], None),
        ("line-break", "A line break", "a\r\nx-admin: true", None),
        ("line-feed", "A line feed", "a\nb", None),
        ("tab", "A tab", "a\tb", None),
        ("nul", "A NUL", "a\0b", None),
        ("delete", "A control character", "a\x7f", None),
        ("beyond-ascii", "A character beyond ASCII", "Zo\u00eb", None),
        ("space-before", "A space before", " a", None),
        ("space-after", "A space after", "a ", None),
        ("list-with-a-line-break", "A list with a line break in an element", ["a", "b\r\nc"], None),
    ]:
        case(f"v36-value-{id_}", f"{about}: {'sent' if sent else 'no field is set, and the caller has none either'} [RFC 9110 §5.5]",
             allow(["authorization", "x-tenant"], [("x-tenant", sent)] if sent else []), policy=sends(("tenant", "x-tenant")), tenant=value)
    nested = sends((["realm_access", "roles"], "x-roles"), ("a.b", "x-dotted"), ("sub", "x-subject"))
    fields = ["authorization", "x-roles", "x-dotted", "x-subject"]
    case("v36-nested", "A claim inside another, one with a dot in its name, one at the top",
         allow(fields, [("x-roles", "admin,user"), ("x-dotted", "d"), ("x-subject", "shop")]), policy=nested,
         realm_access={"roles": ["admin", "user"]}, **{"a.b": "d"})
    case("v36-nested-absent", "The same where two are not there", allow(fields, [("x-subject", "shop")]), policy=nested, realm_access="x")


def payload():
    document = policy(upstream={"payload": "x-token-payload"})
    good = token()
    case("v36-payload", "The whole payload in one field, as it is in the token",
         allow(["authorization", "x-token-payload"], [("x-token-payload", good.split(".")[1])]), good, policy=document)
    case("v36-payload-inbound", "A caller's copy of it is removed on public routes, too", public(["x-token-payload"]),
         headers=[["X-Token_Payload", "e30"]], policy=document | {"routes": [{"public": True}]})
    everything = policy(tokens=[{"cookie": "session"}],
                        upstream={"claims": [{"claim": "sub", "header": "x-subject"}], "payload": "x-token-payload"})
    case("v36-everything", "A claim, the payload, and the token out of its cookie",
         allow(["cookie", "x-subject", "x-token-payload"],
               [("x-subject", "shop"), ("x-token-payload", good.split(".")[1]), ("cookie", "a=1")]),
         headers=[["cookie", f"session={good}; a=1"]], policy=everything)
    case("v36-nothing-for-the-refused", "A refused request takes nothing along", deny("audience-wrong"), aud="stock", policy=everything,
         headers=[["cookie", f"session={token(aud='stock')}"]])


for part in (the_token, claims, payload):
    part()
