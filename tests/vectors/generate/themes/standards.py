"""The examples of the standards, for the signature layer alone: their payloads are no access tokens, two not even JSON.

The values are those printed in RFC 7515 (appendix A), RFC 7520 (§4) and RFC 8037 (appendix A), with the public half of
each key. Each good example stands beside the same one tampered with.
"""

from corpus import Theme
from jose import encode

theme = Theme("standards")
case = theme.signature

# RFC 7515, appendix A.1.1: the claims of A.1, A.2 and A.3, with their line breaks.
JOE = encode('{"iss":"joe",\r\n "exp":1300819380,\r\n "http://example.com/is_root":true}')

# RFC 7520 §4, figure 7; the apostrophes are U+2019.
FRODO = encode(
    "It\u2019s a dangerous business, Frodo, going out your door. You step onto the road, and if you don't keep your feet, "
    "there\u2019s no knowing where you might be swept off to."
)
BILBO = "bilbo.baggins@hobbiton.example"

# RFC 7515, appendix A.2.1.
A2_KEY = {
    "kty": "RSA",
    "n": "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMs"
         "D1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdV"
         "MTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
    "e": "AQAB",
}
A2_SIGNATURE = (
    "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQ"
    "jbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt"
    "FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
)

# RFC 7515, appendix A.3.1.
A3_KEY = {
    "kty": "EC", "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
A3_SIGNATURE = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"

# RFC 7520 §3.3, and the signatures of §4.1 and §4.2.
HOBBITON_RSA = {
    "kty": "RSA", "kid": BILBO, "use": "sig",
    "n": "n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_Ns"
         "YOYL-QtiWN2lbzcEe6XC0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9bTwJlsde3uhGqC0ZCu"
         "EHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnbLY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw",
    "e": "AQAB",
}
RS256_SIGNATURE = (
    "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-"
    "Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHRD68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD"
    "aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH84ogoree7vjbU5y18kDquDg"
)
PS384_SIGNATURE = (
    "cu22eBqkYDKgIlTpzDXGvaFfz6WGoz7fUDcfT0kkOy42miAh2qyBzk1xEsnk2IpN6-tPid6VrklHkqsGqDqHCdP6O8TTB5dDDItllVo6_1OLPpcbUrhiUSMx"
    "bbXUvdvWXzg-UD8biiReQFlfz28zGWVsdiNAUf8ZnyPEgVFn442ZdNqiVJRmBqrYRXe8P_ijQ7p8Vdz0TTrxUeT3lm8d9shnr2lfJT8ImUjvAA2Xez2Mlp8c"
    "BE5awDzT0qI0n6uiP1aCN_2_jLAeQTlqRHtfa64QQSUmFAAjVKPbByi7xho0uTOcbH510a6GYmJUAfmWjwZ6oD4ifKo8DYM-X72Eaw"
)

# RFC 7520 §3.1, and the signature of §4.3.
HOBBITON_EC = {
    "kty": "EC", "kid": BILBO, "use": "sig", "crv": "P-521",
    "x": "AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v13nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt",
    "y": "AdymlHvOiLxXkEhayXQnNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1",
}
ES512_SIGNATURE = (
    "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4Va2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0l"
    "w-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8OcGDqoRuBomu9xQ2"
)

# RFC 8037, appendix A.2 and A.4.
ED25519_KEY = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
ED25519_SIGNATURE = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"


def keys(*jwks):
    return {"keys": list(jwks)}


def accepted(id_, about, head, payload, signature, key):
    """An example, and three tokens made of it that are none."""
    case(id_, about, f"{encode(head)}.{payload}.{signature}", keys(key))
    wrong = signature[:7] + ("A" if signature[7] != "A" else "B") + signature[8:]
    case(f"{id_}-signature-changed", f"{about}; one character of the signature changed", f"{encode(head)}.{payload}.{wrong}", keys(key),
         "signature-wrong")
    other = encode("It is a dangerous business.")
    case(f"{id_}-payload-changed", f"{about}; other content under the signature", f"{encode(head)}.{other}.{signature}", keys(key),
         "signature-wrong")
    case(f"{id_}-header-changed", f"{about}; a space after the header", f"{encode(head + ' ')}.{payload}.{signature}", keys(key),
         "signature-wrong")


accepted("rfc7515-a2-rs256", "RS256 [RFC 7515, appendix A.2]", '{"alg":"RS256"}', JOE, A2_SIGNATURE, A2_KEY)
accepted("rfc7515-a3-es256", "ES256 [RFC 7515, appendix A.3]", '{"alg":"ES256"}', JOE, A3_SIGNATURE, A3_KEY)
accepted("rfc7520-4-1-rs256", "RS256 over a payload that is no JSON [RFC 7520 §4.1]", f'{{"alg":"RS256","kid":"{BILBO}"}}', FRODO,
         RS256_SIGNATURE, HOBBITON_RSA)
accepted("rfc7520-4-2-ps384", "PS384 over a payload that is no JSON [RFC 7520 §4.2]", f'{{"alg":"PS384","kid":"{BILBO}"}}', FRODO,
         PS384_SIGNATURE, HOBBITON_RSA)
accepted("rfc8037-a4-eddsa", "Ed25519 over a payload that is no JSON [RFC 8037, appendix A.4]", '{"alg":"EdDSA"}',
         encode("Example of Ed25519 signing"), ED25519_SIGNATURE, ED25519_KEY)

RS256_HEADER = '{"alg":"RS256"}'
NONE_HEADER = '{"alg":"none"}'
NEW_NAME = '{"alg":"Ed25519"}'
PS384_HEADER = f'{{"alg":"PS384","kid":"{BILBO}"}}'
A1_HEADER = '{"typ":"JWT",\r\n "alg":"HS256"}'
ES512_HEADER = f'{{"alg":"ES512","kid":"{BILBO}"}}'
MAC_HEADER = '{"alg":"HS256","kid":"018c0ae5-4d9b-471b-bfd6-eef314bc7037"}'
case("rfc7515-a1-hs256", "A MAC, which no public key verifies [RFC 7515, appendix A.1]",
     f"{encode(A1_HEADER)}.{JOE}.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk", keys(A2_KEY), "algorithm-unknown")
case("rfc7515-a5-none", "An unsigned token [RFC 7515, appendix A.5]", f"{encode(NONE_HEADER)}.{JOE}.", keys(A2_KEY), "part-empty")
case("rfc7520-4-3-es512", "ES512, which is not offered here; the set has a key for it and one that serves [RFC 7520 §4.3]",
     f"{encode(ES512_HEADER)}.{FRODO}.{ES512_SIGNATURE}", keys(HOBBITON_EC, HOBBITON_RSA), "algorithm-unknown")
case("rfc7520-4-4-hs256", "A MAC [RFC 7520 §4.4]", f"{encode(MAC_HEADER)}.{FRODO}.s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0",
     keys(HOBBITON_RSA), "algorithm-unknown")
case("rfc7520-4-5-detached", "Detached content: nothing between the dots [RFC 7520 §4.5]",
     f"{encode(MAC_HEADER)}..s0h6KThzkfBBBkLspW1h84VsJZFTsPPqMDA7g1Md7p0", keys(HOBBITON_RSA), "part-empty")
case("rfc7515-e-crit", "An extension that is critical and unknown [RFC 7515, appendix E]",
     "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydW"
     "UNCn0.RkFJTA.", keys(A2_KEY), "part-empty")
case("rfc7515-e-crit-and-a-signature", "The same with something for a signature: the extension is what it is refused for",
     "eyJhbGciOiJub25lIiwNCiAiY3JpdCI6WyJodHRwOi8vZXhhbXBsZS5jb20vVU5ERUZJTkVEIl0sDQogImh0dHA6Ly9leGFtcGxlLmNvbS9VTkRFRklORUQiOnRydW"
     "UNCn0.RkFJTA.AA", keys(A2_KEY), "extensions-critical")
B64_HEADER = '{"alg":"HS256","b64":false,"crit":["b64"]}'
case("rfc7797-4-2-unencoded", "A detached payload that was signed unencoded [RFC 7797 §4.2]",
     f"{encode(B64_HEADER)}..A5dxf2s96_n5FLueVuW1Z_vh161FwXZC4YLPff6dmDY", keys(A2_KEY), "part-empty")
case("rfc8037-a4-by-its-new-name", "The header says Ed25519, over another signing input than the example's",
     f'{encode(NEW_NAME)}.{encode("Example of Ed25519 signing")}.{ED25519_SIGNATURE}', keys(ED25519_KEY), "signature-wrong")
case("rfc7515-a2-without-a-key", "RS256 where the set has a key of another type [RFC 7515, appendix A.2]",
     f"{encode(RS256_HEADER)}.{JOE}.{A2_SIGNATURE}", keys(A3_KEY), "key-unknown")
case("rfc7515-a2-under-another-key", "RS256 where the set has another RSA key [RFC 7515, appendix A.2]",
     f"{encode(RS256_HEADER)}.{JOE}.{A2_SIGNATURE}", keys(HOBBITON_RSA), "signature-wrong")
case("rfc7515-a2-among-two-keys", "RS256 without a `kid`, where the set has two RSA keys [RFC 7515, appendix A.2]",
     f"{encode(RS256_HEADER)}.{JOE}.{A2_SIGNATURE}", keys(A2_KEY, HOBBITON_RSA), "key-ambiguous")
case("rfc7520-4-2-ps384-under-a-private-key", "PS384 where the set was published with the exponent [RFC 7520 §3.4]",
     f"{encode(PS384_HEADER)}.{FRODO}.{PS384_SIGNATURE}", keys(HOBBITON_RSA | {"d": "AQ"}, A3_KEY), "key-unknown")
