"""Which path a request is for (checklist 37)."""

from corpus import Theme, allow, deny, lacking, public, routes

theme = Theme("paths")
case = theme.case

# Everything below /public is for everybody, everything else for administrators: a path that could be read in two ways
# would be a way around that.
SPLIT = routes({"path": {"prefix": "/public"}, "public": True}, {"scopes": ["admin"]})
ADMIN = "https://orders.example"


def refused():
    for id_, about, target in [
        ("dot-dot", "A dot segment", "/public/../admin"),
        ("dot-dot-last", "A dot segment at the end", "/public/.."),
        ("dot-dot-first", "A dot segment at the front", "/../admin"),
        ("dot", "A segment that is one dot", "/public/./admin"),
        ("encoded-dots", "A dot segment, encoded", "/public/%2e%2e/admin"),
        ("half-encoded-dots", "A dot segment, half encoded", "/public/.%2E/admin"),
        ("encoded-slash", "A slash, encoded", "/public%2f..%2fadmin"),
        ("encoded-slash-in-upper-case", "A slash, encoded", "/public/..%2Fadmin"),
        ("encoded-backslash", "A backslash, encoded", "/public/..%5cadmin"),
        ("encoded-twice", "A dot segment, encoded twice", "/public/%252e%252e/admin"),
        ("encoded-slash-twice", "A slash, encoded twice", "/public/..%252fadmin"),
        ("backslash", "A backslash, which some take for a slash", "/public\\..\\admin"),
        ("double-slash", "Two slashes in a row", "/public//admin"),
        ("double-slash-first", "Two slashes at the front, which some take for a host", "//public/admin"),
        ("double-slash-last", "Two slashes at the end", "/public//"),
        ("parameter", "A path parameter, which some cut off before they look at dots", "/public/..;/admin"),
        ("parameter-alone", "A path parameter", "/public;a=b/admin"),
        ("encoded-semicolon", "A path parameter, encoded", "/public/..%3b/admin"),
        ("nul", "A NUL, encoded", "/public%00/admin"),
        ("encoded-line-break", "A line break, encoded", "/public%0d%0aadmin"),
        ("encoded-delete", "A control character, encoded", "/public%7f"),
        ("half-escape", "A percent sign with one digit", "/public/%2"),
        ("bare-percent", "A percent sign alone", "/public/%"),
        ("bad-escape", "A percent sign without digits", "/public/%zz"),
        ("unicode-escape", "An escape that some servers have", "/public/%u002e%u002e/admin"),
        ("space", "A space", "/public/a b"),
        ("tab", "A tab", "/public/a\tb"),
        ("beyond-ascii", "A byte beyond ASCII", "/public/\u00e9"),
        ("full-width-slash", "A slash of another width", "/public\uff0f..\uff0fadmin"),
        ("fragment", "A fragment", "/public#/admin"),
    ]:
        case(f"v37-{id_}", f"{about} [RFC 3986 §3.3 and §6.2.2, CVE-2023-27487, CVE-2021-29492, CVE-2020-5902]",
             deny("target-refused"), url=ADMIN + target, headers=[], policy=SPLIT)


def equivalent():
    for id_, about, target, expect in [
        ("public", "A path below the public one", "/public/a", public()),
        ("public-itself", "The public path itself", "/public", public()),
        ("public-slash", "With a slash after it", "/public/", public()),
        ("public-encoded", "In another spelling", "/%70ublic/a", public()),
        ("public-by-query", "A query changes no path", "/admin?/public", lacking("admin")),
        ("dots-in-the-query", "Whatever is in the query", "/public?next=/../admin//%2e", public()),
        ("escape-in-the-query", "Even what is no escape", "/public?100%", public()),
        ("longer", "A path that starts alike is another", "/publicity", lacking("admin")),
        ("upper-case", "Paths are compared case by case", "/Public/a", lacking("admin")),
        ("dots-in-a-name", "Dots inside of a name are no dot segment", "/public/a..b/...", public()),
        ("trailing-dot", "Nor is a dot at a name's end", "/public/a.", public()),
        ("encoded-space", "A space, encoded, is a space in a name", "/public/a%20b", public()),
        ("utf-8", "A character beyond ASCII, encoded", "/public/caf%C3%A9", public()),
        ("encoded-question-mark", "A question mark, encoded, is part of the name", "/public%3fa", lacking("admin")),
        ("root", "The root", "/", lacking("admin")),
    ]:
        case(f"v37-same-{id_}", f"{about} [RFC 3986 §6.2.2]", expect, url=ADMIN + target, policy=SPLIT)
    approve = routes({"path": {"exact": "/orders:approve"}, "scopes": ["admin"]}, {"scopes": ["orders:read"]})
    for id_, target in [("plain", "/orders:approve"), ("encoded", "/orders%3aapprove"), ("in-upper-case", "/orders%3Aapprove"),
                        ("letters-encoded", "/%6frders:%61pprove"), ("with-a-query", "/orders:approve?a=b")]:
        case(f"v37-one-spelling-{id_}", "Whatever a path's spelling, it is the path with the rule [RFC 3986 §6.2.2.2]",
             lacking("admin"), method="POST", url=ADMIN + target, policy=approve)
    case("v37-one-spelling-another", "Another path", allow(), method="POST", url=f"{ADMIN}/orders:approves", policy=approve)
    case("v37-no-routes", "Without routes nothing depends on the path", allow(), url=f"{ADMIN}//a/../b%2f")


def hearsay():
    for name in ["x-original-url", "x-rewrite-url", "x-envoy-original-path", "x-forwarded-uri", "x-forwarded-path",
                 "x-http-method-override", "forwarded", "x-original-method"]:
        value = {"x-http-method-override": "HEAD", "x-original-method": "HEAD", "forwarded": "path=/public"}
        case(f"v37-not-by-{name}", f"`{name}` says nothing about the request [CVE-2023-27487]", deny("token-missing"),
             url=f"{ADMIN}/admin", headers=[[name, value.get(name, "/public")]], policy=SPLIT)
    hosts = routes({"hosts": ["public.example"], "public": True}, {})
    for name in ["x-forwarded-host", "x-host", "x-original-host"]:
        case(f"v37-not-by-{name}", f"`{name}` says nothing about the host", deny("token-missing"), url=f"{ADMIN}/a",
             headers=[[name, "public.example"]], policy=hosts)


for part in (refused, equivalent, hearsay):
    part()
