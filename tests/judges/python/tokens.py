"""Lets OAuth clients that are not ours ask what a token is worth, and trade one that they were called with, as their
users would; PyJWT judges what they got. Jobs come as a JSON list on stdin, answers go as one to stdout; both are written
down in ../node/tokens.mjs. The judges here are "Authlib", which has no signed answers, and "PyJWT".
"""

import json
import os
import sys
import warnings
from urllib.parse import quote

# The servers under test are on loopback, where there is no TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
warnings.filterwarnings("ignore")

import jwt  # noqa: E402
import requests  # noqa: E402
from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import OAuth2Session  # noqa: E402
from authlib.oauth2 import OAuth2Error  # noqa: E402

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
SUBJECT_TYPE = "urn:ietf:params:oauth:token-type:access_token"


class Refused(Exception):
    """An error response, where no library is in between."""

    def __init__(self, error, status):
        super().__init__(error)
        self.error, self.status = error, status


class Asked:
    """A job with the metadata that its judge found."""

    def __init__(self, job):
        self.job = job
        self.metadata = requests.get(job["issuer"] + "/.well-known/oauth-authorization-server", timeout=30).json()
        self.status = None

    def seen(self, response, *_args, **_kwargs):
        self.status = response.status_code

    def parameters(self):
        return {"subject_token": self.job["token"], "subject_token_type": SUBJECT_TYPE} | self.job["parameters"]

    def verified(self, token, typ, audience, required):
        key = jwt.PyJWKClient(self.metadata["jwks_uri"]).get_signing_key_from_jwt(token)
        if jwt.get_unverified_header(token)["typ"] != typ:
            raise ValueError(f"not of type {typ}")
        return jwt.decode(token, key.key, algorithms=[self.job["algorithm"]], audience=audience,
                          issuer=self.job["issuer"], options={"require": required})


def by_authlib(asked):
    job = asked.job
    # Both go into the header as they are, where RFC 6749 §2.3.1 has them form-encoded.
    client, secret = quote(job["client"], safe=""), quote(job["secret"], safe="")
    session = OAuth2Session(client, secret, token_endpoint_auth_method="client_secret_basic")
    session.trust_env = False
    session.hooks["response"].append(asked.seen)
    if job["do"] == "exchange":
        return session.fetch_token(asked.metadata["token_endpoint"], grant_type=EXCHANGE, **asked.parameters())
    response = session.introspect_token(asked.metadata["introspection_endpoint"], token=job["token"])
    if response.ok:
        return response.json()
    raise Refused(response.json()["error"], response.status_code)


def by_pyjwt(asked):
    """No OAuth library at all: requests sends the form as the RFC says, and PyJWT verifies the answer."""
    job, headers = asked.job, {}
    exchange = job["do"] == "exchange"
    form = {"grant_type": EXCHANGE} | asked.parameters() if exchange else {"token": job["token"]}
    if job.get("signed"):
        headers["accept"] = "application/token-introspection+jwt"
    url = asked.metadata["token_endpoint" if exchange else "introspection_endpoint"]
    auth = (quote(job["client"], safe=""), quote(job["secret"], safe=""))
    response = requests.post(url, data=form, headers=headers, auth=auth, timeout=30)
    if not response.ok:
        raise Refused(response.json()["error"], response.status_code)
    if not job.get("signed"):
        return response.json()
    required = ["iss", "aud", "iat", "token_introspection"]
    return asked.verified(response.text, "token-introspection+jwt", job["client"], required)["token_introspection"]


def main(job):
    asked = Asked(job)
    try:
        response = {"Authlib": by_authlib, "PyJWT": by_pyjwt}[job["judge"]](asked)
    except (OAuthError, OAuth2Error) as error:
        return {"refused": {"by": type(error).__name__, "error": error.error, "status": asked.status}}
    except Refused as error:
        return {"refused": {"by": "Refused", "error": error.error, "status": error.status}}
    if job["do"] == "introspect":
        return {"answer": response}
    required = ["exp", "iat", "jti", "sub", "client_id", "act"]
    claims = asked.verified(response["access_token"], "at+jwt", job["parameters"]["audience"], required)
    return {"response": dict(response), "claims": claims}


if __name__ == "__main__":
    json.dump([main(job) for job in json.load(sys.stdin)], sys.stdout)
