"""Approves kubelet serving certificates of declared nodes, for declared names and addresses only.

Whom it trusts: the API server for who asks (user name and groups), and the site's inventory for what a node's names
and addresses are, as the role keeps it in one ConfigMap for each node, in a namespace where no node may write. It does
not trust a node's own status: a kubelet writes that itself, and one that was taken over could otherwise ask for the
certificate of another host.

request (a CSR, parsed) -> decision (pure) -> approver (the loop and the API).
"""
