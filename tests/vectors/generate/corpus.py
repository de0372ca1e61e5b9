"""What a case is made of: a policy, keys, a request, a time, and what has to come of it.

A theme lists cases; each says in its own line what is expected of it, and nothing here looks at the code under test.
Whatever a case does not mention is as in the case that everything else is measured against: a good token, in the
Authorization field, of the one issuer, for the one audience.
"""

import json
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from jose import compact, encode
from keys import E1

NOW = 1_790_000_000
ISSUER = "https://id.example"
URL = "https://orders.example/1"


class Raw(str):
    """JSON text that goes into a document as it is."""


def text(value):
    return value if isinstance(value, Raw) else compact(value)


# ---- Tokens ----------------------------------------------------------------------------------------------------------

CLAIMS = {
    "iss": ISSUER,
    "sub": "shop",
    "client_id": "shop",
    "aud": "orders",
    "scope": "orders:read",
    "jti": "1",
    "iat": NOW - 10,
    "exp": NOW + 300,
}


def members(pairs, more=""):
    """An object's JSON text; `more` is text for further members, duplicates among them."""
    inside = ",".join(f"{compact(name)}:{text(value)}" for name, value in pairs.items() if value is not ABSENT)
    return "{" + ",".join(part for part in (inside, more) if part) + "}"


ABSENT = object()


def claims(more="", **changes):
    """The payload: the good claims with changes; ABSENT leaves one out."""
    return members(CLAIMS | changes, more)


def header(key=E1, more="", **changes):
    """The JOSE header of an access token (RFC 9068 §2.1) with changes."""
    return members({"alg": key.alg, "kid": key.kid, "typ": "at+jwt"} | changes, more)


def signing_input(head, payload):
    return f"{encode(head)}.{encode(payload)}"


def token(key=E1, head=None, payload=None, sign=None, alg=None, **changes):
    """A signed token. `changes` are changes of claims; `sign` makes another signature out of the signing input."""
    signed = signing_input(header(key) if head is None else head, claims(**changes) if payload is None else payload)
    signature = sign(signed.encode()) if sign else key.sign(signed.encode(), alg)
    return f"{signed}.{encode(signature)}"


def bearer(value):
    return [["authorization", f"Bearer {value}"]]


# ---- Policies --------------------------------------------------------------------------------------------------------


def issuer(name=ISSUER, **changes):
    source = {} if {"jwks", "discovery"} & changes.keys() else {"jwks_uri": f"{name}/jwks"}
    return {"issuer": name} | source | changes


def policy(*issuers, **members):
    """The policy: one issuer, one audience, and whatever else."""
    return {"issuers": list(issuers) or [issuer()], "audiences": ["orders"]} | members


def routes(*list_, **members):
    return policy(routes=list(list_), **members)


def key_set(*keys):
    return {"keys": [key if isinstance(key, dict) else key.jwk() for key in keys]}


# ---- Expectations ----------------------------------------------------------------------------------------------------

# The answer to each error: its status and the code of RFC 6750 §3.1 in its challenge. An empty code is the bare
# challenge of a request without credentials; None is no challenge at all, where no other token would help.
INVALID_TOKEN = (401, "invalid_token")
INVALID_REQUEST = (400, "invalid_request")
ANSWERS = {
    "token-missing": (401, ""),
    "credentials-repeated": INVALID_REQUEST,
    "credentials-malformed": INVALID_REQUEST,
    "token-too-long": INVALID_TOKEN,
    "token-not-compact": INVALID_TOKEN,
    "token-encrypted": INVALID_TOKEN,
    "part-empty": INVALID_TOKEN,
    "header-too-long": INVALID_TOKEN,
    "part-not-base64url": INVALID_TOKEN,
    "part-not-utf8": INVALID_TOKEN,
    "part-not-json": INVALID_TOKEN,
    "part-not-object": INVALID_TOKEN,
    "header-malformed": INVALID_TOKEN,
    "algorithm-missing": INVALID_TOKEN,
    "algorithm-unknown": INVALID_TOKEN,
    "algorithm-forbidden": INVALID_TOKEN,
    "extensions-critical": INVALID_TOKEN,
    "payload-unencoded": INVALID_TOKEN,
    "type-forbidden": INVALID_TOKEN,
    "issuer-unknown": INVALID_TOKEN,
    "token-revoked": INVALID_TOKEN,
    "status-unknown": INVALID_TOKEN,
    "status-uri-refused": INVALID_TOKEN,
    "status-unavailable": (503, None),
    "keys-unavailable": (503, None),
    "key-unknown": INVALID_TOKEN,
    "key-ambiguous": INVALID_TOKEN,
    "signature-wrong": INVALID_TOKEN,
    "claim-missing": INVALID_TOKEN,
    "claim-malformed": INVALID_TOKEN,
    "scopes-disagree": INVALID_TOKEN,
    "token-expired": INVALID_TOKEN,
    "token-not-yet-valid": INVALID_TOKEN,
    "token-issued-in-future": INVALID_TOKEN,
    "lifetime-too-long": INVALID_TOKEN,
    "audience-wrong": INVALID_TOKEN,
    "sender-constrained": INVALID_TOKEN,
    "target-refused": (400, None),
    "route-unknown": (403, None),
    "issuer-not-allowed": (403, None),
    "claim-refused": (403, None),
    "issuer-claim-refused": INVALID_TOKEN,
    # "scope-insufficient" is not here: its challenge names scopes, so each case writes it out.
}

_GIVEN = object()


def deny(error, status=None, challenge=_GIVEN):
    """A refusal. What its answer is follows from the error (RFC 6750 §3), unless the case says otherwise."""
    usual, code = ANSWERS[error] if status is None else (status, None)
    if challenge is _GIVEN:
        challenge = {None: None, "": "Bearer"}.get(code, f'Bearer error="{code}"')
    return {"verdict": "deny", "error": error, "status": usual, "challenge": challenge}


def lacking(scope):
    """A refusal for want of scopes, with what the challenge names (RFC 6750 §3)."""
    challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
    return deny("scope-insufficient", 403, challenge)


IDENTITY = {
    "issuer": ISSUER,
    "subject": "shop",
    "client": "shop",
    "scopes": ["orders:read"],
    "expiry": NOW + 300,
}


# The field that tells the service of a dry run is the verifier's own: no caller's copy of it gets through, ever.
DRY_RUN = "tessera-dry-run"


def allow(remove=("authorization",), set_=(), target=None, refusal=None, identity=IDENTITY, **changes):
    """Leave to pass, and how the request goes on: fields to remove, then fields to set, and perhaps another target.
    `changes` are changes of the identity."""
    grant = {
        "identity": identity and identity | changes,
        "remove": sorted([*remove, DRY_RUN]),
        "set": [list(pair) for pair in set_],
        "target": target,
        "refusal": refusal,
    }
    return {"verdict": "allow", "grant": grant}


def public(remove=(), **members):
    """Leave to pass without anybody having looked at a token."""
    return allow(remove, identity=None, **members)


def reported(error, remove=()):
    """A dry run's leave for what would have been refused."""
    return public(remove, set_=[(DRY_RUN, error)], refusal=error)


ANSWERED = {"verdict": "answer", "status": 200}
INVALID = {"verdict": "invalid"}


def said(expect):
    """An expectation without members that are null or empty: absent means that, and keeps the lines short."""
    return {name: said(value) if isinstance(value, dict) else value for name, value in expect.items()
            if value is not None and value != []}


# ---- The corpus ------------------------------------------------------------------------------------------------------


@dataclass
class Theme:
    """One file of cases."""

    name: str
    lines: list = field(default_factory=list)

    def case(self, id_, about, expect, token_=None, *, key=E1, headers=None, keys=None, jwks=None, policy=policy(),
             method="GET", url=URL, now=NOW, before=(), documents=None, **changes):
        """Adds a case. The token is `token_`, or else a good one of `key` with `changes` of its claims. `before` are tokens
        that the same verifier was asked about first, in requests of the same kind; `documents` are further ones, by URL."""
        if headers is None:
            headers = bearer(token(key, **changes) if token_ is None else token_)
        assert urlsplit(url).scheme, url
        asked = lambda value: {"request": {"method": "GET", "url": URL, "headers": bearer(value)}, "now": NOW}
        self.add({
            "id": id_,
            "about": about,
            "policy": policy,
            "jwks": {ISSUER: key_set(*(keys or [key]))} if jwks is None else jwks,
        } | ({"documents": documents} if documents else {}) | ({"before": [asked(value) for value in before]} if before else {}) | {
            "request": {"method": method, "url": url, "headers": headers},
            "now": now,
            "expect": said(expect),
        })

    def signature(self, id_, about, token_, jwks, error=None):
        """Adds a case of the signature layer alone."""
        verdict = "deny" if error else "allow"
        self.add({"id": id_, "about": about, "token": token_, "jwks": jwks,
                  "expect": said({"verdict": verdict, "error": error})})

    def add(self, case):
        self.lines.append(json.dumps(case, separators=(",", ":"), ensure_ascii=True) + "\n")
