"""Runs the approver: options come from the environment, so that the manifest shows them all."""

from __future__ import annotations

import logging
import os
import sys

from kube_api import ApiError, Client, HealthServer, Reflector, in_cluster

from kubelet_csr_approver.approver import CSRS, Approver
from kubelet_csr_approver.request import SIGNER

DECLARED = "app.kubernetes.io/component=declared-node"
"""Label of the ConfigMaps that declare nodes; every namespace has others."""


def main() -> int:
    """Run until killed."""
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    namespace = os.environ.get("DECLARED_NODES_NAMESPACE", "declared-nodes")
    try:
        client = Client(in_cluster())
    except ApiError as error:
        logging.error("%s", error)  # noqa: TRY400 (the message says all)
        return 2
    approver = Approver(client, float(os.environ.get("PATIENCE_SECONDS", "300")))
    address, _, port = os.environ.get("HEALTH_ADDRESS", "127.0.0.1:9478").rpartition(":")
    HealthServer(address, int(port), approver.alive, approver.ready, approver.metrics).start()
    Reflector(client, "csrs", CSRS, approver.tell, {"fieldSelector": f"spec.signerName={SIGNER}"}).start()
    declared = {"labelSelector": DECLARED}
    Reflector(client, "nodes", f"/api/v1/namespaces/{namespace}/configmaps", approver.tell, declared).start()
    approver.run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
