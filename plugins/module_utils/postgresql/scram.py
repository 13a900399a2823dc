# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a PostgreSQL server keeps of a password: a verifier of SCRAM-SHA-256. Pure: no I/O."""

from __future__ import annotations

import hmac
import re
from base64 import b64encode
from hashlib import pbkdf2_hmac, sha256

VERIFIER = re.compile(r"SCRAM-SHA-256\$[1-9]\d*:[A-Za-z0-9+/]+=*\$[A-Za-z0-9+/]{43}=:[A-Za-z0-9+/]{43}=")
"""As pg_authid.rolpassword has it: ``SCRAM-SHA-256$ITERATIONS:SALT$STOREDKEY:SERVERKEY``, the last three in base64."""

ITERATIONS = 4096
"""PostgreSQL's own number, and the least that RFC 7677 allows."""


def is_verifier(text: str) -> bool:
    """Whether a text has the form of a verifier."""
    return VERIFIER.fullmatch(text) is not None


def verifier(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return the verifier of a password, as RFC 5802 (section 3) and RFC 7677 define it.

    Raises ValueError for a password that is empty or has other characters than printable ASCII: others are normalized
    by clients (SASLprep), which is not done here.
    """
    if not re.fullmatch(r"[ -~]+", password):
        raise ValueError("the password is empty, or has characters that are not printable ASCII")
    salted = pbkdf2_hmac("sha256", password.encode(), salt, iterations)
    stored = sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(server)}"


def _text(octets: bytes) -> str:
    return b64encode(octets).decode()
