"""Where in a request the token is (checklist 33)."""

from corpus import Theme, allow, bearer, deny, policy, public, routes, token

theme = Theme("credentials")
case = theme.case

GOOD = token()
OTHER = token(jti="t-2")
PATH = "https://orders.example/orders"


def tokens(*sources, **members):
    return policy(tokens=list(sources), **members)


def authorization():
    for id_, name, value in [
        ("lower-case-scheme", "authorization", f"bearer {GOOD}"), ("upper-case-scheme", "authorization", f"BEARER {GOOD}"),
        ("mixed-case-scheme", "authorization", f"bEaReR {GOOD}"), ("several-spaces", "authorization", f"Bearer   {GOOD}"),
        ("space-around", "authorization", f"  Bearer {GOOD} "), ("tab-around", "authorization", f"\tBearer {GOOD}\t"),
        ("field-name", "Authorization", f"Bearer {GOOD}"), ("field-name-in-upper-case", "AUTHORIZATION", f"Bearer {GOOD}"),
    ]:
        case(f"v33-{id_}", "Schemes and field names are compared without case, and spaces are as the grammar has them"
             " [RFC 9110 §11.1, RFC 6750 §2.1]", allow(), headers=[[name, value]])
    for id_, about, headers in [
        ("no-field", "No Authorization field", []),
        ("empty", "An empty Authorization field", [["authorization", ""]]),
        ("basic", "Another scheme", [["authorization", "Basic dTpw"]]),
        ("dpop", "DPoP, which needs a proof that this policy knows nothing of [RFC 9449 §7.1]",
         [["authorization", f"DPoP {GOOD}"]]),
        ("longer-scheme", "A scheme that starts like Bearer", [["authorization", f"BearerX {GOOD}"]]),
        ("prefixed-scheme", "A scheme that ends like Bearer", [["authorization", f"XBearer {GOOD}"]]),
        ("no-scheme", "The token alone", [["authorization", GOOD]]),
        ("scheme-and-colon", "A colon for the space", [["authorization", f"Bearer:{GOOD}"]]),
        ("bearer-in-basic", "Bearer inside of another scheme's credentials", [["authorization", f"Basic x Bearer {GOOD}"]]),
        ("proxy-authorization", "The field for proxies", [["proxy-authorization", f"Bearer {GOOD}"]]),
        ("x-authorization", "A field of a similar name", [["x-authorization", f"Bearer {GOOD}"]]),
        ("authorization-underlined", "An underscore for nothing", [["authorization_", f"Bearer {GOOD}"]]),
        ("cookie", "A cookie, which this policy does not read", [["cookie", f"access_token={GOOD}"]]),
    ]:
        case(f"v33-{id_}", f"{about}: there is no token [RFC 6750 §2.1]", deny("token-missing"), headers=headers)
    for id_, about, value in [
        ("nothing-after", "Bearer and nothing", "Bearer"),
        ("scheme-and-tab", "A tab for the space, which some take for one", f"Bearer\t{GOOD}"),
        ("space-after", "Bearer and a space", "Bearer "),
        ("two-tokens", "Two tokens", f"Bearer {GOOD} {OTHER}"),
        ("quoted", "A token in quotes", f'Bearer "{GOOD}"'),
        ("parameter", "A parameter for the token", f'Bearer token="{GOOD}"'),
        ("comma-bearer", "Two fields that somebody joined", f"Bearer {GOOD}, Bearer {GOOD}"),
        ("basic-comma-bearer", "Another scheme and Bearer, joined", f"Basic dTpw, Bearer {GOOD}"),
        ("comma-after", "A comma after the token", f"Bearer {GOOD},"),
        ("beyond-ascii", "A token beyond ASCII", "Bearer é.é.é"),
        ("replacement", "A token with a byte that was no UTF-8", f"Bearer {GOOD[:-1]}\ufffd"),
        ("nul", "A NUL in the token", f"Bearer {GOOD}\0"),
        ("line-break", "A line break in the token", f"Bearer {GOOD}\r\nx: y"),
        ("scheme-twice", "The scheme twice", f"Bearer Bearer {GOOD}"),
        ("percent", "A percent-encoded dot", f"Bearer {GOOD.replace('.', '%2E')}"),
    ]:
        case(f"v33-{id_}", f"{about}: not one token [RFC 6750 §2.1 and §3.1]", deny("credentials-malformed"),
             headers=[["authorization", value]])
    case("v33-two-fields", "Two Authorization fields, one token each [RFC 6750 §2, RFC 9110 §5.3]",
         deny("credentials-repeated"), headers=bearer(GOOD) + bearer(OTHER))
    case("v33-two-equal-fields", "The same field twice", deny("credentials-repeated"), headers=bearer(GOOD) * 2)
    case("v33-two-fields-in-two-cases", "Names of fields are compared without case", deny("credentials-repeated"),
         headers=[["authorization", f"Bearer {GOOD}"], ["Authorization", f"Bearer {GOOD}"]])
    case("v33-basic-and-bearer", "Two Authorization fields of two schemes: a service may read the other one"
         " [RFC 9110 §11.6.2 and §5.3]", deny("credentials-repeated"),
         headers=[["authorization", "Basic dTpw"], *bearer(GOOD)])
    case("v33-bearer-and-basic", "The same in the other order", deny("credentials-repeated"),
         headers=[*bearer(GOOD), ["authorization", "Basic dTpw"]])
    case("v33-bearer-and-an-empty-one", "A second Authorization field, empty", deny("credentials-repeated"),
         headers=[*bearer(GOOD), ["authorization", ""]])
    case("v33-several-bad-ones", "Three fields without a token between them", deny("credentials-repeated"),
         headers=[["authorization", "Bearer"]] * 3)
    case("v33-query-off", "A token in the query, which this policy does not read [RFC 6750 §2.3]", deny("token-missing"),
         headers=[], url=f"{PATH}?access_token={GOOD}")
    case("v33-query-off-and-a-header", "What is not read is not in the way, either", allow(),
         url=f"{PATH}?access_token={OTHER}")


def other_fields():
    plain, prefix, dpop = {"header": "x-token"}, {"header": "X-Token", "prefix": "Token "}, {"header": "x-token",
                                                                                          "scheme": "JWT"}
    taken = allow(remove=["x-token"])
    for id_, about, source, headers, expect in [
        ("plain", "A field of its own", plain, [["x-token", GOOD]], taken),
        ("in-another-case", "Its name in another case", plain, [["X-TOKEN", GOOD]], taken),
        ("around", "Spaces around the token", plain, [["x-token", f"  {GOOD}\t"]], taken),
        ("absent", "Its field is not there", plain, [], deny("token-missing")),
        ("elsewhere", "A Bearer token in the Authorization field, which this policy does not read", plain, bearer(GOOD),
         deny("token-missing")),
        ("underscore", "An underscore for the dash: another field", plain, [["x_token", GOOD]], deny("token-missing")),
        ("empty", "Its field is empty", plain, [["x-token", ""]], deny("credentials-malformed")),
        ("twice", "Its field twice", plain, [["x-token", GOOD], ["x-token", GOOD]], deny("credentials-repeated")),
        ("with-a-scheme", "A scheme where none is due", plain, [["x-token", f"Bearer {GOOD}"]],
         deny("credentials-malformed")),
        ("prefix", "A prefix before the token", prefix, [["x-token", f"Token {GOOD}"]], taken),
        ("prefix-in-another-case", "A prefix is compared exactly", prefix, [["x-token", f"token {GOOD}"]],
         deny("token-missing")),
        ("prefix-missing", "No prefix", prefix, [["x-token", GOOD]], deny("token-missing")),
        ("prefix-and-a-space", "A space too many after it", prefix, [["x-token", f"Token  {GOOD}"]],
         deny("credentials-malformed")),
        ("scheme", "Another scheme than Bearer", dpop, [["x-token", f"jwt {GOOD}"]], taken),
        ("scheme-missing", "The scheme is missing", dpop, [["x-token", GOOD]], deny("token-missing")),
    ]:
        case(f"v33-field-{id_}", about, expect, headers=headers, policy=tokens(source))
    kept = tokens(plain, upstream={"forward_token": True})
    case("v33-field-forwarded", "The policy lets the token go on to the service", allow(remove=[]),
         headers=[["x-token", GOOD]], policy=kept)


def cookies():
    session = tokens({"cookie": "session"})
    gone = lambda rest: allow(remove=["cookie"], set_=[("cookie", rest)] if rest else [])
    for id_, about, headers, expect in [
        ("alone", "A cookie, and no other", [["cookie", f"session={GOOD}"]], gone("")),
        ("first", "A cookie before others", [["cookie", f"session={GOOD}; theme=dark"]], gone("theme=dark")),
        ("last", "A cookie after others", [["cookie", f"theme=dark; lang=en; session={GOOD}"]], gone("theme=dark; lang=en")),
        ("two-fields", "Cookies in two fields [RFC 9113 §8.2.3]", [["cookie", "a=1"], ["cookie", f"session={GOOD}; b=2"]],
         gone("a=1; b=2")),
        ("absent", "Other cookies only", [["cookie", "theme=dark"]], deny("token-missing")),
        ("in-another-case", "Names of cookies are compared exactly", [["cookie", f"Session={GOOD}"]], deny("token-missing")),
        ("longer", "A cookie whose name ends so", [["cookie", f"xsession={GOOD}"]], deny("token-missing")),
        ("inside-a-value", "The name inside another's value", [["cookie", f"a=session={GOOD}"]], deny("token-missing")),
        ("emptied", "An emptied cookie is none", [["cookie", "session="]], deny("token-missing")),
        ("twice", "The cookie twice in one field: a service may read the other one",
         [["cookie", f"session={GOOD}; session={OTHER}"]], deny("credentials-repeated")),
        ("twice-in-two-fields", "The cookie in two fields", [["cookie", f"session={GOOD}"], ["cookie", f"session={GOOD}"]],
         deny("credentials-repeated")),
        ("quoted", "A cookie in quotes", [["cookie", f'session="{GOOD}"']], deny("credentials-malformed")),
        ("percent", "A percent-encoded cookie", [["cookie", f"session={GOOD.replace('.', '%2E')}"]],
         deny("credentials-malformed")),
    ]:
        case(f"v33-cookie-{id_}", f"{about} [RFC 6265 §4.2]", expect, headers=headers, policy=session)
    case("v33-cookie-forwarded", "The policy lets the cookie go on to the service", allow(remove=[]),
         headers=[["cookie", f"session={GOOD}; a=1"]], policy=tokens({"cookie": "session"},
                                                                    upstream={"forward_token": True}))


def query():
    policy_ = tokens({"query": "access_token"})
    without = lambda target: allow(remove=[], target=target)
    for id_, about, target, expect in [
        ("alone", "The only parameter", f"/orders?access_token={GOOD}", without("/orders")),
        ("first", "Before others", f"/orders?access_token={GOOD}&page=2", without("/orders?page=2")),
        ("last", "After others", f"/orders?page=2&q=a%20b&access_token={GOOD}", without("/orders?page=2&q=a%20b")),
        ("absent", "Another parameter", "/orders?page=2", deny("token-missing")),
        ("no-query", "No query", "/orders", deny("token-missing")),
        ("in-another-case", "Names of parameters are compared exactly", f"/orders?Access_Token={GOOD}", deny("token-missing")),
        ("longer", "A parameter whose name ends so", f"/orders?xaccess_token={GOOD}", deny("token-missing")),
        ("in-the-path", "The path is no query", f"/access_token={GOOD}", deny("token-missing")),
        ("encoded-name", "An encoded name is the same name", f"/orders?access%5Ftoken={GOOD}", without("/orders")),
        ("empty", "An empty value", "/orders?access_token=", deny("credentials-malformed")),
        ("no-value", "No value", "/orders?access_token", deny("credentials-malformed")),
        ("twice", "Twice", f"/orders?access_token={GOOD}&access_token={OTHER}", deny("credentials-repeated")),
        ("twice-in-two-spellings", "Twice, once with an encoded name", f"/orders?access_token={GOOD}&%61ccess_token={OTHER}",
         deny("credentials-repeated")),
        ("encoded-value", "An encoded value", f"/orders?access_token={GOOD.replace('.', '%2E')}",
         deny("credentials-malformed")),
        ("question-mark", "A second question mark is part of the query", f"/orders?a?access_token={GOOD}",
         deny("token-missing")),
    ]:
        case(f"v33-query-{id_}", f"{about} [RFC 6750 §2.3]", expect, headers=[], url=f"https://orders.example{target}",
             policy=policy_)


def several_places():
    four = tokens({"header": "authorization", "scheme": "Bearer"}, {"header": "x-token"}, {"cookie": "session"},
                  {"query": "access_token"})
    places = {
        "bearer": (bearer(GOOD), ""), "field": ([["x-token", GOOD]], ""), "cookie": ([["cookie", f"session={GOOD}"]], ""),
        "query": ([], f"?access_token={GOOD}"),
    }
    left = {"bearer": allow(), "field": allow(remove=["x-token"]), "cookie": allow(remove=["cookie"]),
            "query": allow(remove=[], target="/orders")}
    for name, (headers, query_) in places.items():
        case(f"v33-one-of-four-{name}", f"Four places, a token in one of them: {name}", left[name], headers=headers,
             url=PATH + query_, policy=four)
    names = list(places)
    for index, one in enumerate(names):
        for other in names[index + 1:]:
            headers, query_ = (places[one][0] + places[other][0], places[one][1] + places[other][1])
            case(f"v33-{one}-and-{other}", f"Tokens in two places, {one} and {other}, if the same [RFC 6750 §2]",
                 deny("credentials-repeated"), headers=headers, url=PATH + query_, policy=four)
    case("v33-nowhere", "Four places, no token", deny("token-missing"), headers=[], url=PATH, policy=four)
    case("v33-none-looked-for", "On a public route nobody counts tokens", public(), headers=bearer(GOOD) * 2,
         policy=routes({"public": True}))


for part in (authorization, other_fields, cookies, query, several_places):
    part()
