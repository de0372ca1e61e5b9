"""The status of tokens that were issued (draft-ietf-oauth-status-list): what lists say, and which lists are believed."""

import zlib

from corpus import ABSENT, INVALID, ISSUER, NOW, Theme, allow, deny, header, issuer, key_set, members, policy, routes, token
from jose import compact, encode
from keys import E1, E2, P1

theme = Theme("status")

PREFIX = "https://id.example/status/"
LIST = f"{PREFIX}1"
STATUS = {"lists": PREFIX}
GUARDED = policy(issuer(status=STATUS))

# Of the draft's §4.1 and §4.2: single bits 1001 1101 1100 0101, and pairs 1 2 0 3 0 1 0 1 1 2 3 3.
BITS = {"bits": 1, "lst": "eNrbuRgAAhcBXQ"}
PAIRS = {"bits": 2, "lst": "eNo76fITAAPfAgc"}


def stored(data):
    """A zlib stream (RFC 1950) that compresses nothing: the same whoever makes it."""
    blocks = b"\1" + len(data).to_bytes(2, "little") + (0xFFFF ^ len(data)).to_bytes(2, "little") + data
    return b"\x78\x01" + blocks + zlib.adler32(data).to_bytes(4)


def zeros(runs):
    """A zlib stream of 1 + 258 × runs zeros: one, and copies of the longest length, in DEFLATE's fixed code (RFC 1951
    §3.2.6)."""
    bits = "110" + "00110000" + "1100010100000" * runs + "0000000"
    bits += "0" * (-len(bits) % 8)
    packed = bytes(int(bits[at:at + 8][::-1], 2) for at in range(0, len(bits), 8))
    return b"\x78\x01" + packed + zlib.adler32(bytes(1 + 258 * runs)).to_bytes(4)


def lst(data, bits=1):
    return {"bits": bits, "lst": encode(data)}


def list_token(status_list=BITS, key=E1, head=None, sign=None, **changes):
    """A status list token (§5.1) with changes of its claims."""
    claims = {"iss": ISSUER, "sub": LIST, "iat": NOW - 5, "exp": NOW + 60, "ttl": 10, "status_list": status_list}
    head = head or header(key, typ="statuslist+jwt")
    return token(key, head=head, payload=members(claims | changes), sign=sign)


def at(idx, uri=LIST):
    """The claim of a token whose status is there (§6.2)."""
    return {"status_list": {"idx": idx, "uri": uri}}


def case(id_, about, expect, list_=ABSENT, status=ABSENT, policy=GUARDED, where=LIST, **rest):
    documents = {} if list_ is None else {where: list_token() if list_ is ABSENT else list_}
    status = at(1) if status is ABSENT else status
    theme.case(f"status-{id_}", f"{about} [draft-ietf-oauth-status-list]", expect, policy=policy, documents=documents,
               status=status, **rest)


REVOKED = deny("token-revoked")
MISSING = deny("status-unavailable")


def statuses():
    case("valid", "A token about which the list says nothing bad", allow())
    case("revoked", "A token that was revoked", REVOKED, status=at(0))
    for idx, bit in enumerate("1001110111000101"):
        case(f"bit-{idx}", "The draft's list of single bits", REVOKED if bit == "1" else allow(), status=at(idx))
    for idx, value in enumerate("120301011233"):
        case(f"pair-{idx}", "The draft's list of pairs: invalid, suspended, and what the issuer means by 3",
             allow() if value == "0" else REVOKED, list_token(PAIRS), status=at(idx))
    for bits, idx, expect in [(4, 0, REVOKED), (4, 1, allow()), (4, 2, allow()), (4, 3, REVOKED),
                              (8, 0, REVOKED), (8, 1, REVOKED), (8, 2, allow())]:
        case(f"{bits}-bits-{idx}", f"A list of {bits} bits for each token", expect,
             list_token(lst(stored(bytes([0x0F, 0xF0, 0x00])), bits)), status=at(idx))
    for idx in (16, 17, 1 << 20, 1 << 53):
        case(f"beyond-{idx}", "A place that the list does not have", deny("status-unknown"), status=at(idx))
    case("empty-list", "A list of nothing", deny("status-unknown"), list_token(lst(stored(b""))), status=at(0))
    case("scope", "A revoked token does not learn what it lacks", REVOKED, status=at(0),
         policy=routes({"scopes": ["orders:write"]}) | {"issuers": [issuer(status=STATUS)]})
    case("no-route", "Nor which routes there are", REVOKED, status=at(0),
         policy=routes({"path": {"exact": "/other"}}) | {"issuers": [issuer(status=STATUS)]})
    case("expired", "An expired token is expired, whatever its status", deny("token-expired"), status=at(0), exp=NOW - 31)
    case("again", "A token that the verifier remembers", REVOKED, status=at(0), before=[token(status=at(0)), token(status=at(1))])
    case("not-asked", "A policy that does not ask", allow(), None, policy=policy(), status=at(0))
    case("not-asked-malformed", "A policy that does not ask, and a claim that says nothing", allow(), None, policy=policy(), status=1)
    case("two-issuers", "A list of one issuer says nothing about another's tokens", deny("signature-wrong"),
         token_=token(E2, head=header(E1), status=at(1)))


def claims():
    malformed = deny("claim-malformed")
    for id_, status in [
        ("null", None), ("number", 1), ("array", []), ("empty", {}), ("no-list", {"status_list": None}),
        ("list-array", {"status_list": [0, LIST]}), ("no-idx", {"status_list": {"uri": LIST}}),
        ("no-uri", {"status_list": {"idx": 1}}), ("idx-text", at("1")), ("idx-negative", at(-1)), ("idx-fraction", at(1.5)),
        ("idx-huge", at(1 << 64)), ("idx-null", at(None)), ("uri-number", at(1, 1)), ("uri-empty", at(1, "")),
    ]:
        case(f"claim-{id_}", "A claim that names no place in a list (§6.2)", malformed, status=status)
    refused = deny("status-uri-refused")
    for id_, uri in [
        ("foreign", "https://evil.example/status/1"), ("http", "http://id.example/status/1"),
        ("sibling", "https://id.example/status-of-others/1"), ("prefix-itself", PREFIX), ("dots", f"{PREFIX}../status/1"),
        ("encoded-dots", f"{PREFIX}%2e%2e/1"), ("fragment", f"{LIST}#1"), ("upper-case", "https://ID.example/status/1"),
    ]:
        case(f"uri-{id_}", "A list that is not where the issuer's are", refused, status=at(1, uri), where=uri)
    case("uri-query", "A list by a query", allow(), list_token(sub=f"{PREFIX}?list=1"), status=at(1, f"{PREFIX}?list=1"),
         where=f"{PREFIX}?list=1")
    required = policy(issuer(status=STATUS | {"required": True}))
    other = {"identifier_list": {"id": "1"}}
    case("absent", "A token without a status", allow(), None, token_=token())
    case("absent-required", "A token without a status where one is required", deny("claim-missing"), None, policy=required,
         token_=token())
    case("other-kind", "A status of another kind", allow(), None, status=other)
    case("other-kind-required", "A status of another kind where a list is required", deny("claim-missing"), None, status=other,
         policy=required)
    case("required", "A token with a status where one is required", allow(), policy=required)


def lists():
    typed = lambda typ: list_token(head=header(E1, typ=typ))
    case("typ-application", "The whole name of the type (RFC 7515 §4.1.9)", allow(), typed("application/statuslist+jwt"))
    for id_, list_ in [
        ("typ-access-token", typed("at+jwt")), ("typ-jwt", typed("JWT")), ("typ-cwt", typed("statuslist+cwt")),
        ("typ-none", typed(ABSENT)), ("alg-none", list_token(head=header(E1, typ="statuslist+jwt", alg="none"))),
        ("kid-unknown", list_token(head=header(E1, typ="statuslist+jwt", kid="x"))),
        ("crit", list_token(head=header(E1, typ="statuslist+jwt", crit=["exp"], exp=1))),
        ("forged", list_token(key=E2, head=header(E1, typ="statuslist+jwt"))),
        ("unsigned", list_token(sign=lambda _: b"")),
        ("iss-other", list_token(iss="https://evil.example")), ("iss-number", list_token(iss=1)),
        ("sub-other", list_token(sub=f"{PREFIX}2")), ("sub-foreign", list_token(sub="https://evil.example/1")),
        ("sub-none", list_token(sub=ABSENT)), ("iat-none", list_token(iat=ABSENT)), ("iat-future", list_token(iat=NOW + 31)),
        ("exp-past", list_token(exp=NOW - 30)), ("exp-text", list_token(exp="never")), ("ttl-zero", list_token(ttl=0)),
        ("ttl-negative", list_token(ttl=-1)), ("ttl-text", list_token(ttl="10")),
        ("list-none", list_token(status_list=ABSENT)), ("list-array", list_token([])),
        ("bits-3", list_token({**BITS, "bits": 3})), ("bits-16", list_token({**BITS, "bits": 16})),
        ("bits-text", list_token({**BITS, "bits": "1"})), ("bits-none", list_token({"lst": BITS["lst"]})),
        ("lst-none", list_token({"bits": 1})), ("lst-padded", list_token({**BITS, "lst": BITS["lst"] + "=="})),
        ("lst-plain", list_token(lst(b"\xb9\xa3"))), ("lst-raw-deflate", list_token(lst(stored(b"\xb9\xa3")[2:-4]))),
        ("lst-cut-off", list_token(lst(stored(b"\xb9\xa3")[:-1]))), ("lst-trailing", list_token(lst(stored(b"\xb9\xa3") + b"\0"))),
        ("lst-check-sum", list_token(lst(stored(b"\xb9\xa3")[:-1] + b"\0"))),
        ("bomb", list_token(lst(zeros(4065)))), ("bomb-of-4-megabytes", list_token(lst(zeros(16000)))),
        ("claims-array", list_token(head=header(E1, typ="statuslist+jwt"))[:-1]),
        ("key-set", compact(key_set(E1))), ("html", "<html>not here</html>"), ("nothing", ""), ("access-token", token()),
    ]:
        case(f"list-{id_}", "A list that is not to be believed: as good as none (§8.3)", MISSING, list_)
    case("list-missing", "A list that is not there", MISSING, None)
    case("list-missing-revoked", "A list that is not there, which had revoked the token", MISSING, None, status=at(0))
    for id_, list_ in [
        ("no-iss", list_token(iss=ABSENT)), ("no-exp", list_token(exp=ABSENT)), ("no-ttl", list_token(ttl=ABSENT)),
        ("exp-within-skew", list_token(exp=NOW - 29)), ("iat-within-skew", list_token(iat=NOW + 30)),
        ("further-members", list_token({**BITS, "aggregation_uri": "https://id.example/lists"}, x=1)),
        ("line-feed", list_token() + "\n"), ("as-long-as-may-be", list_token(lst(zeros(4064)))),
    ]:
        case(f"list-{id_}", "A list that is to be believed", allow(), list_)
    case("list-other-key", "A list by another key of the issuer", allow(), list_token(key=P1), keys=[E1, P1])
    case("list-inline", "A list of an issuer whose keys are in the policy", REVOKED, status=at(0),
         policy=policy(issuer(jwks=key_set(E1), status=STATUS)), jwks={})
    forbidden = policy(issuer(status=STATUS, algorithms=["EdDSA", "RS256"]))
    case("list-algorithm-forbidden", "A list by an algorithm that the policy does not allow the issuer", MISSING,
         list_token(key=P1), keys=[E1, P1], policy=forbidden)


def missing():
    accepting = policy(issuer(status=STATUS | {"while_missing": "accept"}))
    case("accept-missing", "A policy that does without a list that is not there", allow(), None, policy=accepting, status=at(0))
    case("accept-bad", "A policy that does without a list that is bad", allow(), list_token(exp=NOW - 30), policy=accepting,
         status=at(0))
    case("accept-revoked", "It does not do without a list that is there", REVOKED, policy=accepting, status=at(0))
    case("accept-beyond", "Nor is a place that the list does not have a good one", deny("status-unknown"), policy=accepting,
         status=at(16))
    case("refuse-missing", "A policy that says what holds anyway", MISSING, None,
         policy=policy(issuer(status=STATUS | {"while_missing": "refuse"})))
    case("missing-unauthorized", "A policy that blames tokens for what is missing",
         deny("status-unavailable", 401, 'Bearer error="invalid_token"'), None, policy=GUARDED | {"while_keys_missing": "unauthorized"})
    for id_, status in [
        ("no-lists", {}), ("no-slash", {"lists": "https://id.example/status"}), ("http", {"lists": "http://id.example/status/"}),
        ("query", {"lists": f"{PREFIX}?list=/"}), ("dots", {"lists": "https://id.example/a/../"}),
        ("stale", STATUS | {"max_stale": 3601}), ("while-missing", STATUS | {"while_missing": "pass"}),
        ("required-text", STATUS | {"required": "yes"}), ("unknown-member", STATUS | {"ttl": 10}),
    ]:
        case(f"policy-{id_}", "A policy that says something wrong about status lists", INVALID, None,
             policy=policy(issuer(status=status)), headers=[], jwks={})


for part in (statuses, claims, lists, missing):
    part()
