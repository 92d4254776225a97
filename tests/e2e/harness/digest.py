"""The client's side of digest authentication (RFC 7616 with MD5, RFC 3261 section 22)."""

import hashlib
import os
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Challenge:
    """What a 401 or 407 asks for."""

    answer_in: str  # the header that the credentials belong into
    realm: str
    nonce: str
    qop: bool


def challenge_of(response: bytes) -> Challenge | None:
    """None when the response holds none."""
    found = re.search(rb"\r\n(WWW|Proxy)-Authenticate[ \t]*:[ \t]*Digest ([^\r\n]+)", response, re.IGNORECASE)
    if not found:
        return None
    fields = dict(re.findall(r'(\w+)="([^"]*)"', found[2].decode()))
    header = "Authorization" if found[1].lower() == b"www" else "Proxy-Authorization"
    return Challenge(header, fields["realm"], fields["nonce"], "auth" in fields.get("qop", ""))


def credentials(challenge: Challenge, user: str, password: str, method: str, uri: str) -> str:
    """The whole header line."""
    secret = _md5(f"{user}:{challenge.realm}:{password}")
    request = _md5(f"{method}:{uri}")
    fields = f'username="{user}", realm="{challenge.realm}", nonce="{challenge.nonce}", uri="{uri}"'
    if challenge.qop:
        count, client = "00000001", os.urandom(8).hex()
        answer = _md5(f"{secret}:{challenge.nonce}:{count}:{client}:auth:{request}")
        fields += f', qop=auth, nc={count}, cnonce="{client}"'
    else:
        answer = _md5(f"{secret}:{challenge.nonce}:{request}")
    return f'{challenge.answer_in}: Digest {fields}, response="{answer}", algorithm=MD5'


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
