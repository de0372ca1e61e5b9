"""Lets PyJWT and Python's own zlib read the status of a token, as a verifier would that is not ours
(draft-ietf-oauth-status-list §8.3). The job and the answer are written down in ../node/status.mjs.
"""

import base64
import json
import sys
import zlib

import jwt
import requests

MEDIA_TYPE = "application/statuslist+jwt"
ALGORITHMS = ["RS256", "PS256", "ES256", "ES384", "EdDSA"]


def fetch(url, **headers):
    response = requests.get(url, headers=headers, timeout=10)
    response.raise_for_status()
    return response


def verified(keys, token, typ, issuer, **options):
    key = keys.get_signing_key_from_jwt(token)
    decoded = jwt.decode_complete(token, key, algorithms=ALGORITHMS, issuer=issuer, **options)
    assert decoded["header"]["typ"] == typ, decoded["header"]
    return decoded


def main(job):
    metadata = fetch(f"{job['issuer']}/.well-known/oauth-authorization-server").json()
    keys = jwt.PyJWKClient(metadata["jwks_uri"])
    token = verified(keys, job["token"], "at+jwt", job["issuer"], options={"verify_aud": False})
    place = token["payload"]["status"]["status_list"]

    response = fetch(place["uri"], accept=MEDIA_TYPE)
    assert response.headers["content-type"] == MEDIA_TYPE, response.headers
    required = {"require": ["iat", "exp", "ttl", "status_list"]}
    list_ = verified(keys, response.text, "statuslist+jwt", job["issuer"], subject=place["uri"], options=required)
    bits, lst = list_["payload"]["status_list"]["bits"], list_["payload"]["status_list"]["lst"]
    statuses = zlib.decompress(base64.urlsafe_b64decode(lst + "=" * (-len(lst) % 4)))
    byte, place_in_byte = divmod(place["idx"] * bits, 8)
    status = statuses[byte] >> place_in_byte & ((1 << bits) - 1)
    return {"header": list_["header"], "claims": list_["payload"], "status": status}


json.dump(main(json.load(sys.stdin)), sys.stdout)
