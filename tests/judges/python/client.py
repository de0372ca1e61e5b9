"""Lets OAuth clients that are not ours ask the issuer for a token, as their users would, and lets PyJWT judge what they
got. One job comes as JSON on stdin, the answer goes as JSON to stdout; both are written down in ../node/client.mjs. The
judges here are "Authlib", "requests-oauthlib" and "PyJWT".
"""

import json
import os
import ssl
import sys
import time
import uuid
import warnings
from urllib.parse import urlencode

# The servers under test are on loopback, where there is no TLS.
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = os.environ["OAUTHLIB_INSECURE_TRANSPORT"] = "1"
warnings.filterwarnings("ignore")

import jwt  # noqa: E402
import requests  # noqa: E402
from authlib.integrations.base_client import OAuthError  # noqa: E402
from authlib.integrations.requests_client import AssertionSession, OAuth2Session  # noqa: E402
from authlib.oauth2 import OAuth2Error  # noqa: E402
from authlib.oauth2.rfc7523 import PrivateKeyJWT  # noqa: E402
from joserfc import jwk  # noqa: E402
from oauthlib.oauth2 import BackendApplicationClient, ServiceApplicationClient  # noqa: E402
from oauthlib.oauth2.rfc6749.errors import OAuth2Error as OAuthlibError  # noqa: E402
from requests_oauthlib import OAuth2Session as RequestsOAuth2Session  # noqa: E402

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


class Refused(Exception):
    """An error response, where no library is in between."""

    def __init__(self, error):
        super().__init__(error)
        self.error = error


class Asked:
    """A job with the metadata that its judge found."""

    def __init__(self, job):
        self.job = job
        tls = job.get("tls") or {}
        self.verify = tls.get("ca", True)
        self.certificate = (tls["certificate"], tls["key"]) if "certificate" in tls else None
        self.metadata = requests.get(job["issuer"] + "/.well-known/oauth-authorization-server", timeout=30).json()
        aliases = self.metadata.get("mtls_endpoint_aliases", {}) if self.certificate else {}
        self.token_endpoint = aliases.get("token_endpoint", self.metadata["token_endpoint"])
        self.status = None

    def prepared(self, session):
        """A session that trusts and shows the job's certificates, and remembers the status of what it got."""
        session.verify, session.cert = self.verify, self.certificate
        # Authorities that the environment names would take the place of the job's.
        session.trust_env = False
        session.hooks["response"].append(self.seen)
        return session

    def seen(self, response, *_args, **_kwargs):
        self.status = response.status_code


def assertion(job, claims):
    key = jwt.PyJWK(job["key"])
    return jwt.encode(claims, key.key, algorithm=key.algorithm_name, headers={"kid": job["key"]["kid"]})


def by_authlib(asked):
    job = asked.job
    if job["grant"] != "client_credentials":
        return by_authlib_assertion(asked)
    method, secret = job["method"], job.get("secret")
    if method == "private_key_jwt":
        secret = jwk.import_key(job["key"])
    ways = {"tls_client_auth": "none", "self_signed_tls_client_auth": "none"}
    session = OAuth2Session(job["client"], secret, token_endpoint_auth_method=ways.get(method, method))
    if method == "private_key_jwt":
        header = {"kid": job["key"]["kid"]}
        way = PrivateKeyJWT(asked.token_endpoint, claims=job.get("claims"), headers=header, alg=job["key"]["alg"])
        session.register_client_auth_method(way)
    return asked.prepared(session).fetch_token(asked.token_endpoint, grant_type=job["grant"], **job["parameters"])


class Targeted(AssertionSession):
    """Says for which audience, which Authlib has no parameter for."""

    target = None

    def _refresh_token(self, data):
        return super()._refresh_token(data | {"audience": self.target})


def by_authlib_assertion(asked):
    job, claims = asked.job, dict(asked.job["claims"])
    header = {"alg": job["key"]["alg"], "kid": job["key"]["kid"]}
    subject, issuer, audience = claims.pop("sub"), claims.pop("iss"), claims.pop("aud")
    claims = {name: value for name, value in claims.items() if name == "jti"}
    session = Targeted(asked.token_endpoint, issuer, subject, audience, claims=claims, header=header,
                       key=jwk.import_key(job["key"]), scope=job["parameters"]["scope"])
    session.target = job["parameters"]["audience"]
    return asked.prepared(session).refresh_token()


def by_requests_oauthlib(asked):
    job, method = asked.job, asked.job["method"]
    if job["grant"] != "client_credentials":
        return by_oauthlib_assertion(asked)
    session = asked.prepared(RequestsOAuth2Session(client=BackendApplicationClient(job["client"])))
    options = {"verify": asked.verify, "cert": asked.certificate}
    if method == "client_secret_basic":
        options["auth"] = requests.auth.HTTPBasicAuth(job["client"], job["secret"])
    else:
        options["include_client_id"] = True
    if method == "client_secret_post":
        options["client_secret"] = job["secret"]
    return session.fetch_token(asked.token_endpoint, **job["parameters"], **options)


def by_oauthlib_assertion(asked):
    job, claims = asked.job, asked.job["claims"]
    client = ServiceApplicationClient(job.get("client"), private_key=jwt.PyJWK(job["key"]).key, subject=claims["sub"],
                                      issuer=claims["iss"], audience=claims["aud"])
    session = asked.prepared(RequestsOAuth2Session(client=client))
    parameters = dict(job["parameters"])
    scope = parameters.pop("scope")
    # `audience` is the assertion's in oauthlib; the request's goes into the body beforehand.
    # Without `include_client_id`, requests-oauthlib sends Basic credentials with an empty secret.
    return session.fetch_token(asked.token_endpoint, body=urlencode(parameters), scope=scope, include_client_id=True,
                               extra_claims={"jti": claims["jti"]})


def by_pyjwt(asked):
    """No OAuth library at all: PyJWT makes the assertion, and requests sends the form as the RFC says."""
    job, method = asked.job, asked.job["method"]
    form = {"grant_type": job["grant"]} | job["parameters"]
    if job["grant"] != "client_credentials":
        form["assertion"] = assertion(job, job["claims"])
    if method == "private_key_jwt":
        now = int(time.time())
        own = {"iss": job["client"], "sub": job["client"], "aud": job["issuer"], "iat": now, "exp": now + 60,
               "jti": str(uuid.uuid4())}
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(job, own | job.get("claims", {}))}
    elif method == "client_assertion":
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion(job, job["claims"])}
    elif method.endswith("tls_client_auth"):
        form["client_id"] = job["client"]
    response = asked.prepared(requests.Session()).post(asked.token_endpoint, data=form, timeout=30)
    if response.ok:
        return response.json()
    raise Refused(response.json()["error"])


def verified(asked, token):
    expect, job = asked.job["expect"], asked.job
    context = ssl.create_default_context(cafile=asked.verify) if isinstance(asked.verify, str) else None
    key = jwt.PyJWKClient(asked.metadata["jwks_uri"], ssl_context=context).get_signing_key_from_jwt(token)
    header = jwt.get_unverified_header(token)
    if header["typ"] != "at+jwt":
        raise ValueError("not an access token (RFC 9068 §2.1)")
    claims = jwt.decode(token, key.key, algorithms=[expect["algorithm"]], audience=expect["audience"],
                        issuer=job["issuer"], options={"require": ["exp", "iat", "jti", "sub", "client_id"]})
    return {"header": header, "claims": claims}


def main(job):
    asked = Asked(job)
    judge = {"Authlib": by_authlib, "requests-oauthlib": by_requests_oauthlib, "PyJWT": by_pyjwt}[job["judge"]]
    try:
        response = judge(asked)
    except (OAuthError, OAuth2Error, OAuthlibError, Refused) as error:
        return {"refused": {"by": type(error).__name__, "error": error.error, "status": asked.status}}
    response = dict(response)
    # oauthlib takes it apart.
    if isinstance(response.get("scope"), list):
        response["scope"] = " ".join(response["scope"])
    return {"response": response} | verified(asked, response["access_token"])


if __name__ == "__main__":
    json.dump(main(json.load(sys.stdin)), sys.stdout)
