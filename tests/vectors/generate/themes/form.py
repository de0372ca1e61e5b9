"""The form of a token: its parts, their alphabet, their size, their JSON (checklist 1 to 7)."""

from corpus import ABSENT, NOW, Raw, Theme, allow, claims, deny, header, token
from jose import encode
from keys import E1

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"

theme = Theme("form")
case = theme.case

GOOD = token()
HEAD, BODY, SIGNATURE = GOOD.split(".")


def of_texts(head, body):
    """Signed over these texts, whatever they are."""
    return f"{head}.{body}.{encode(E1.sign(f'{head}.{body}'.encode()))}"


def of_bytes(body, head=None):
    """A token whose payload is these bytes."""
    return of_texts(encode(header() if head is None else head), encode(body))


def parts():
    case("v01-three-parts", "Header, payload and signature with a dot between them [RFC 7515 §3.1]", allow(), GOOD)
    for id_, about, value in [
        ("one-part", "One part", "token"),
        ("two-parts", "The signature is missing, and its dot", f"{HEAD}.{BODY}"),
        ("a-dot-after", "A dot after the signature", f"{GOOD}."),
        ("a-dot-before", "A dot before the header", f".{GOOD}"),
        ("four-parts", "A fourth part", f"{GOOD}.AA"),
        ("six-parts", "Six parts: neither a JWS nor a JWE", f"{GOOD}.AA.AA.AA"),
        ("dots-only", "Nothing but dots", "." * 40),
    ]:
        case(f"v01-{id_}", f"{about} [RFC 7515 §3.1]", deny("token-not-compact"), value)
    for id_, value in [
        ("header", f".{BODY}.{SIGNATURE}"),
        ("payload", f"{HEAD}..{SIGNATURE}"),
        ("signature", f"{HEAD}.{BODY}."),
    ]:
        case(f"v01-{id_}-empty", f"The {id_} has no characters [RFC 7515 §3.1]", deny("part-empty"), value)


def alphabet():
    json = f'{{"payload":"{BODY}","protected":"{HEAD}","signature":"{SIGNATURE}"}}'
    case("v02-json-serialization", "The flattened JSON serialization, signed as it should be, is no Bearer token"
         " [RFC 7515 §7.2.2, RFC 6750 §2.1]", deny("credentials-malformed"), json)
    # The payload's text has a `-` and a `_`; the standard alphabet writes them `+` and `/`.
    special = encode(claims(note="\u07ff>>>???~~~"))
    assert "-" in special and "_" in special
    case("v02-url-safe-alphabet", "Both characters that base64url has of its own [RFC 4648 §5]", allow(),
         of_texts(HEAD, special))
    case("v02-standard-alphabet", "The same bytes in the alphabet of plain base64, and signed so [RFC 4648 §4]",
         deny("part-not-base64url"), of_texts(HEAD, special.replace("-", "+").replace("_", "/")))
    for id_, character in [("tilde", "~"), ("plus", "+"), ("slash", "/")]:
        for part, value in [
            ("header", of_texts(HEAD + character * 4, BODY)),
            ("payload", of_texts(HEAD, BODY + character * 4)),
            ("signature", GOOD + character * 4),
        ]:
            case(f"v02-{id_}-in-the-{part}", f"Four characters `{character}` after the {part}, which a token's field"
                 " may hold and base64url may not [RFC 7515 §2]", deny("part-not-base64url"), value)


def padding():
    head = encode(header(more='"pad":0'))
    body = encode(claims(more='"pad":0'))
    assert len(head) % 4 and len(body) % 4, "both leave room for padding"
    padded = lambda word: word + "=" * (-len(word) % 4)
    case("v03-unpadded", "What the next cases pad [RFC 7515 §2]", allow(), of_texts(head, body))
    for part, value in [
        ("header", of_texts(padded(head), body)),
        ("payload", of_texts(head, padded(body))),
        ("signature", padded(of_texts(head, body).rsplit(".")[-1])),
    ]:
        value = f"{head}.{body}.{value}" if part == "signature" else value
        case(f"v03-padding-in-the-{part}", f"The {part} ends in the padding of base64 [RFC 7515 §2]",
             deny("part-not-base64url"), value)
    # The last character of a word that does not fill its bytes has bits to spare. Setting one decodes to the same bytes.
    spare = lambda word: word[:-1] + ALPHABET[ALPHABET.index(word[-1]) + 1]
    for part, value in [
        ("header", of_texts(spare(head), body)),
        ("payload", of_texts(head, spare(body))),
        ("signature", f"{HEAD}.{BODY}.{spare(SIGNATURE)}"),
    ]:
        case(f"v03-trailing-bits-in-the-{part}", f"The last character of the {part} has a bit set that belongs to no"
             " byte [RFC 4648 §3.5, Wycheproof JWS 374 and 375]", deny("part-not-base64url"), value)
    lonely = lambda word: word + "A" * ((5 - len(word) % 4) % 4)
    for part, value in [
        ("header", of_texts(lonely(head), body)),
        ("payload", of_texts(head, lonely(body))),
        ("signature", f"{HEAD}.{BODY}.{lonely(SIGNATURE)}"),
    ]:
        case(f"v03-a-lonely-character-in-the-{part}", f"The {part} ends in one character, which makes no byte"
             " [RFC 4648 §4]", deny("part-not-base64url"), value)


def sized(length):
    """A token of this many characters."""
    for filler in range(3):
        head = encode(header(more=f'"x":"{"y" * filler}"'))
        room = length - len(head) - 2 - 86
        body = claims(pad=ABSENT)[:-1] + ',"pad":"'
        wanted = room // 4 * 3 + room % 4 * 3 // 4
        if room % 4 != 1:
            result = of_texts(head, encode(body + "x" * (wanted - len(body) - 2) + '"}'))
            assert len(result) == length
            return result
    raise AssertionError("no such length")


def limits():
    case("v04-token-of-8192", "As long as a token may be", allow(), sized(8192))
    case("v04-token-of-8193", "One character longer than a token may be", deny("token-too-long"), sized(8193))
    head = lambda length: header(more='"x":""')[:-2] + "y" * (length - len(header(more='"x":""'))) + '"}'
    assert len(head(1024)) == 1024
    case("v04-header-of-1024", "As long as a header may be", allow(), of_bytes(claims(), head(1024)))
    case("v04-header-of-1025", "One byte longer than a header may be", deny("header-too-long"),
         of_bytes(claims(), head(1025)))
    more = lambda count: ",".join(f'"m{n}":0' for n in range(count - 8))
    case("v04-128-members", "As many members as an object may have", allow(), of_bytes(claims(more(128))))
    case("v04-129-members", "One member too many", deny("part-not-json"), of_bytes(claims(more(129))))
    case("v04-129-members-deeper", "One member too many, in an object inside", deny("part-not-json"),
         of_bytes(claims(f'"x":{{{more(137)}}}')))
    zeros = lambda count: Raw("[" + ",".join("0" * count) + "]")
    case("v04-256-elements", "As many elements as an array may have", allow(), groups=zeros(256))
    case("v04-257-elements", "One element too many", deny("part-not-json"), groups=zeros(257))
    nested = lambda depth: Raw("[" * (depth - 1) + "]" * (depth - 1))
    case("v04-depth-8", "As deep as JSON in a token may be", allow(), deep=nested(8))
    case("v04-depth-9", "One level deeper", deny("part-not-json"), deep=nested(9))
    case("v04-depth-9-of-objects", "One level deeper, of objects", deny("part-not-json"),
         deep=Raw('{"a":' * 8 + "0" + "}" * 8))
    case("v04-subject-of-2048", "As long as an identifier may be", allow(subject="s" * 2048), sub="s" * 2048)
    case("v04-subject-of-2049", "One byte longer", deny("claim-malformed"), sub="s" * 2049)
    audiences = lambda count: ["orders"] + [f"a{n}" for n in range(count - 1)]
    case("v04-64-audiences", "As many audiences as a token may have", allow(), aud=audiences(64))
    case("v04-65-audiences", "One audience too many", deny("claim-malformed"), aud=audiences(65))
    scopes = [f"s{n:03}" for n in range(257)]
    case("v04-256-scopes", "As many scopes as a token may have", allow(scopes=scopes[:256]),
         scope=" ".join(scopes[:256]))
    case("v04-257-scopes", "One scope too many", deny("claim-malformed"), scope=" ".join(scopes))


def duplicates():
    for id_, about, more in [
        ("alg", "`alg` twice, the same", '"alg":"EdDSA"'),
        ("alg-none", "A second `alg` that says none", '"alg":"none"'),
        ("alg-escaped", "A second `alg` in another spelling of its name", '"\\u0061lg":"none"'),
        ("kid", "`kid` twice", '"kid":"e1"'),
        ("unknown", "An unknown parameter twice", '"x":1,"x":1'),
        ("nested", "A name twice in an object inside", '"x":{"y":1,"y":2}'),
    ]:
        case(f"v05-header-{id_}", f"{about} [RFC 7515 §4, RFC 8725 §2.4]", deny("part-not-json"),
             of_bytes(claims(), header(more=more)))
    for id_, about, more in [
        ("sub", "`sub` twice", '"sub":"admin"'),
        ("sub-escaped", "A second `sub` in another spelling of its name", '"s\\u0075b":"admin"'),
        ("exp", "`exp` twice", f'"exp":{NOW + 9}'),
        ("unknown", "An unknown claim twice", '"x":1,"x":1'),
        ("nested", "A name twice in an object inside", '"x":{"y":1,"y":1}'),
        ("nested-escaped", "A name twice in an object inside, in two spellings", '"x":{"y":1,"\\u0079":1}'),
        ("in-array", "A name twice in an object in an array", '"x":[{"y":1,"y":1}]'),
        ("deep", "A name twice far inside", '"x":{"a":{"b":[{"y":1,"y":2}]}}'),
        ("empty-name", "The empty name twice", '"":1,"":2'),
    ]:
        case(f"v05-claims-{id_}", f"{about} [RFC 7519 §4, RFC 8259 §4]", deny("part-not-json"), of_bytes(claims(more)))
    for id_, about, more in [
        ("two-objects", "The same name in two objects is no repetition", '"x":{"y":1},"z":{"y":2}'),
        ("own-name-inside", "Nor is the name of the object itself inside it", '"x":{"x":{"x":1}}'),
        ("case", "Names are compared exactly: these are two", '"X":1,"x":1'),
        ("two-normal-forms", "U+00E9 and e with U+0301 are two names; nothing is normalised", '"\u00e9":1,"e\u0301":1'),
    ]:
        case(f"v05-{id_}", f"{about} [RFC 8259 §8.3]", allow(), of_bytes(claims(more)))


def encodings():
    body = claims().encode()
    for id_, about, bad in [
        ("lone-ff", "A byte that no UTF-8 has", b"\xff"),
        ("overlong", "U+0000 in two bytes", b"\xc0\x80"),
        ("surrogate", "Half of a surrogate pair in three bytes", b"\xed\xa0\x80"),
        ("beyond-unicode", "A code point beyond U+10FFFF", b"\xf4\x90\x80\x80"),
        ("cut-off", "A character cut off in its middle", b"\xe2\x82"),
        ("latin-1", "An é of Latin-1", b"\xe9"),
    ]:
        broken = body.replace(b'"jti":"1"', b'"jti":"1' + bad + b'"')
        case(f"v06-utf8-{id_}", f"{about}, in the payload [RFC 7519 §7.2, RFC 3629 §3]", deny("part-not-utf8"),
             of_bytes(broken))
    case("v06-utf8-in-the-header", "A byte that no UTF-8 has, in the header [RFC 7515 §5.2]", deny("part-not-utf8"),
         of_bytes(claims(), header().encode()[:-1] + b',"x":"\xff"}'))
    case("v06-utf8-good", "Characters of two, three and four bytes", allow(subject="é€🔑"), sub="é€🔑")


def json_text():
    body = claims()
    for id_, about, value in [
        ("byte-order-mark", "A byte order mark before the object [RFC 8259 §8.1]", "\ufeff" + body),
        ("second-value", "A second object after the first", body + "{}"),
        ("nul-after", "A NUL byte after the object", body + "\0"),
        ("comma-after", "A comma after the last member", body[:-1] + ",}"),
        ("comment", "A comment", body[:-1] + "/**/}"),
        ("single-quotes", "Strings in single quotes", body.replace('"shop"', "'billing'", 1)),
        ("unquoted-name", "A name without quotes", claims("x:1")),
        ("nan", "NaN", claims('"x":NaN')),
        ("infinity", "Infinity", claims('"x":-Infinity')),
        ("hexadecimal", "A number in hexadecimal", claims('"x":0x10')),
        ("leading-zero", "A number with a leading zero", claims('"x":01')),
        ("plus-sign", "A number with a plus sign", claims('"x":+1')),
        ("bare-point", "A number that ends in its point", claims('"x":1.')),
        ("no-digit-before-the-point", "A number that starts with its point", claims('"x":.5')),
        ("bare-exponent", "A number whose exponent has no digits", claims('"x":1e')),
        ("upper-case-true", "A literal in another case", claims('"x":True')),
        ("control-character", "A line break inside a string [RFC 8259 §7]", claims('"x":"a\nb"')),
        ("nul-character", "A NUL inside a string", claims('"x":"a\0b"')),
        ("bad-escape", "An escape that JSON does not have", claims('"x":"\\x41"')),
        ("short-escape", "A \\u with three digits", claims('"x":"\\u041"')),
        ("lone-high-surrogate", "The first half of a surrogate pair, alone", claims('"x":"\\ud83d"')),
        ("lone-low-surrogate", "The second half of a surrogate pair, alone", claims('"x":"\\udd11"')),
        ("two-high-surrogates", "Two first halves", claims('"x":"\\ud83d\\ud83d"')),
        ("missing-colon", "No colon between name and value", claims('"x"1')),
        ("missing-comma", "No comma between two members", claims('"x":1 "y":2')),
        ("cut-off", "The object does not end", body[:-1]),
        ("vertical-tab", "A vertical tab where white space may be", body + "\v"),
        ("no-break-space", "A no-break space where white space may be", body + "\u00a0"),
        ("white-space-only", "Nothing but white space", "  "),
    ]:
        case(f"v06-json-{id_}", f"{about} [RFC 8259]", deny("part-not-json"), of_bytes(value))
    for id_, value in [("array", f"[{body}]"), ("null", "null"), ("string", '"claims"'), ("number", "1"), ("true", "true")]:
        case(f"v06-claims-{id_}", f"The claims are no object: {id_} [RFC 7519 §7.2]", deny("part-not-object"),
             of_bytes(value))
        if id_ not in ("array", "null"):
            continue
        value = f"[{header()}]" if id_ == "array" else value
        case(f"v06-header-{id_}", f"The header is no object: {id_} [RFC 7515 §5.2]", deny("part-not-object"),
             of_bytes(claims(), value))
    case("v06-header-not-json", "The header is no JSON", deny("part-not-json"), of_bytes(claims(), header()[:-1]))
    case("v06-header-byte-order-mark", "A byte order mark before the header [RFC 8259 §8.1]", deny("part-not-json"),
         of_bytes(claims(), "\ufeff" + header()))
    case("v06-white-space", "White space wherever JSON lets it be", allow(),
         of_bytes(body.replace(",", " ,\r\n\t").replace(":1", " : 1") + "\n"))
    case("v06-escapes", "Every escape that JSON has", allow(), of_bytes(claims('"x":"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9"')))
    case("v06-surrogate-pair", "A character beyond the first plane, escaped as JSON wants it [RFC 8259 §7]",
         allow(subject="🔑"), sub=Raw('"\\ud83d\\udd11"'))
    case("v06-numbers", "Every form of number that JSON has", allow(),
         of_bytes(claims('"x":[0,-0,1.5,-1e5,1E+5,1e-5,123456789012345678901234567890]')))


def encrypted():
    expensive = encode('{"alg":"PBES2-HS256+A128KW","enc":"A128GCM","p2c":2147483647,"p2s":"c2FsdA"}')
    bomb = encode('{"alg":"dir","enc":"A128GCM","zip":"DEF"}')
    for id_, about, value in [
        ("key-derivation", "A JWE that asks for two thousand million rounds of key derivation", f"{expensive}.AA.AA.AA.AA"),
        ("compressed", "A JWE that asks to be inflated", f"{bomb}..AA.AA.AA"),
        ("no-header", "Five parts that cannot even be decoded", "~.~.~.~.~"),
        ("good-parts", "A good token with two parts more", f"{GOOD}.AA.AA"),
    ]:
        case(f"v07-{id_}", f"{about}; refused before any of it is looked at [RFC 7516 §3.1, RFC 8725 §2.7]",
             deny("token-encrypted"), value)


for part in (parts, alphabet, padding, limits, duplicates, encodings, json_text, encrypted):
    part()
