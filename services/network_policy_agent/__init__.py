"""Enforces Kubernetes NetworkPolicies on one node with nftables, failing closed.

objects (what the API says) -> policy (parsed, with refusals) -> compiler (allow-lists per local pod) ->
render (nft text) -> netfilter (applied in one transaction). Only netfilter, agent and __main__ do I/O.
"""
