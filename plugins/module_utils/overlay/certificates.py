# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When certificates on a host end, by the text that openssl prints."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timezone

PATTERNS = ("/etc/kubernetes/pki/*.crt", "/etc/kubernetes/pki/etcd/*.crt", "/var/lib/kubelet/pki/*-current.pem")
KUBECONFIGS = ("/etc/kubernetes/*.conf",)


def parse_end(text: str) -> datetime:
    """Return the end of a certificate from openssl's "notAfter=Nov 24 07:48:00 2027 GMT"; raises ValueError."""
    match = re.search(r"notAfter=(.+?) GMT", text)
    if not match:
        raise ValueError(f"openssl says no end: {text.strip()!r}")
    parsed = datetime.strptime(" ".join(match.group(1).split()), "%b %d %H:%M:%S %Y")
    return parsed.replace(tzinfo=timezone.utc)


def days_left(end: datetime, now: datetime) -> int:
    """Return whole days until the end; negative when it is over."""
    return (end - now).days


def embedded(kubeconfig: str) -> str | None:
    """Return the client certificate that a kubeconfig holds, in PEM, or None."""
    match = re.search(r"client-certificate-data:\s*(\S+)", kubeconfig)
    return base64.b64decode(match.group(1)).decode() if match else None
