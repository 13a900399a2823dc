"""Which generation nftables' rules of this network namespace are of: every committed transaction makes a new one.

Asking costs one message in place of a process that lists the rules. The message is NFT_MSG_GETGEN of
linux/netfilter/nf_tables.h, as `nft monitor` and libnftnl send it.
"""

from __future__ import annotations

import socket
import struct

NFNL_SUBSYS_NFTABLES = 10
NFT_MSG_NEWGEN, NFT_MSG_GETGEN = 15, 16
NFTA_GEN_ID = 1
NLM_F_REQUEST = 1
NETLINK_NETFILTER = 12
ANSWER_S = 2.0

_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct("=BBH")
_ATTRIBUTE = struct.Struct("=HH")


def generation() -> int | None:
    """Return the generation's number, 32 bits; None where the kernel does not say it."""
    question = _HEADER.pack(
        _HEADER.size + _FAMILY.size, NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETGEN, NLM_F_REQUEST, 0, 0
    ) + _FAMILY.pack(socket.AF_UNSPEC, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_NETFILTER) as kernel:
            kernel.settimeout(ANSWER_S)
            kernel.sendto(question, (0, 0))
            return read(kernel.recv(65536))
    except OSError:
        return None


def read(answer: bytes) -> int | None:
    """Return the number in the kernel's answer; None where it is no answer to the question."""
    if len(answer) < _HEADER.size:
        return None
    length, kind, *_ = _HEADER.unpack_from(answer)
    position = _HEADER.size + _FAMILY.size
    if kind != NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN:
        return None
    while position + _ATTRIBUTE.size <= min(length, len(answer)):
        size, name = _ATTRIBUTE.unpack_from(answer, position)
        if size < _ATTRIBUTE.size:
            return None
        if name == NFTA_GEN_ID:
            return int.from_bytes(answer[position + _ATTRIBUTE.size : position + size], "big")
        position += (size + 3) & ~3
    return None
