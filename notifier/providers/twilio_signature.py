"""Twilio's signature of the requests it sends us: base64 of an HMAC-SHA1 over the URL and every parameter.

Twilio signs the URL as it was told to us, so it is the public one of the configuration, never what a proxy makes of
`Host`; with or without the port, which its servers do not agree about. Blank values and parameters that nobody here
knows are signed too: whoever leaves one out finds a wrong signature. A JSON body is signed by its hash in the query.
"""

import hmac
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha1, sha256
from urllib.parse import parse_qs, urlsplit

HEADER = "X-Twilio-Signature"
BODY_HASH = "bodySHA256"
Pairs = Sequence[tuple[str, str]]
_PORTS = {"https": 443, "http": 80}


def signature_of(token: str, url: str, pairs: Pairs = ()) -> str:
    """Return the signature of a URL and its form: for each key in order, the key and each distinct value in order."""
    signed = url + "".join(key + value for key, value in sorted(set(pairs)))
    return b64encode(hmac.new(token.encode(), signed.encode("utf-8", "surrogatepass"), sha1).digest()).decode()


def is_signed(tokens: Iterable[str], url: str, pairs: Pairs, given: str, *, body: bytes | None = None) -> bool:
    """Tell whether one of the tokens signed this request; `body` is that of a request which is no form."""
    if body is not None:
        pairs = ()
        claimed = parse_qs(urlsplit(url).query).get(BODY_HASH, [""])[0]
        if not hmac.compare_digest(sha256(body).hexdigest(), claimed.encode("ascii", "replace").decode()):
            return False
    found = False
    for token in tokens:
        for variant in _variants(url):
            expected = signature_of(token, variant, pairs)
            found |= bool(token) and hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
    return found


def _variants(url: str) -> tuple[str, str]:
    """Return the URL without its port and with it; the credentials it may carry stay."""
    scheme, separator, rest = url.partition("://")
    end = min((place for place in map(rest.find, "/?#") if place >= 0), default=len(rest))
    authority, path = rest[:end], rest[end:]
    credentials, at, host = authority.rpartition("@")
    bare, colon, port = host.rpartition(":")
    if not (colon and port.isdigit()):
        bare, port = host, str(_PORTS.get(scheme, 80))
    before = f"{scheme}{separator}{credentials}{at}{bare}"
    return before + path, f"{before}:{port}{path}"
