"""Addresses, folders and names of the lab, in one place."""

from __future__ import annotations

import os
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ai-infn-platform"
"""Everything that was built, keyed by its recipe; survives `down`."""

STATE = Path("/var/lib/ai-infn-lab")
"""The raised lab: databases, volumes, logs; removed by `down`."""

LOGS = STATE / "log"
MIRROR_DIGESTS = STATE / "mirror" / "digests.yml"
SITE_STATE = STATE / "site"
"""What the lab's site administrator keeps: clouds.yaml, keys, known_hosts, certificates."""

RUN = Path("/run/ai-infn-lab")

LABEL = "ai-infn-lab"
"""Label of every container, and prefix of the labels with a value."""
PROCESS_MARK = "AI_INFN_LAB"
"""Environment variable that marks every process of the lab."""

NETNS = "ai-infn-lab"
"""The fabric: the network namespace that holds bridges, API services and mirrors."""
HOST_LINK = "lab0"
FABRIC_LINK = "ext0"
HOST_ADDRESS = "198.51.100.254"
FABRIC_ADDRESS = "198.51.100.1"
EXTERNAL_CIDR = "198.51.100.0/24"
FLOATING_RANGE = ("198.51.100.100", "198.51.100.199")
TENANT_CIDR = "10.64.0.0/16"
TENANT_MTU = 1450

KEYSTONE_PORT = 5000
NOVA_PORT = 8774
PLACEMENT_PORT = 8778
NEUTRON_PORT = 9696
GLANCE_PORT = 9292
CINDER_PORT = 8776
ARTIFACT_PORT = 8080
REGISTRY_PORT = 5050
PACKAGE_PROXY_PORT = 3142
IAM_PORT = 9443

ARTIFACT_MIRROR = f"http://{FABRIC_ADDRESS}:{ARTIFACT_PORT}"
REGISTRY_MIRROR = f"http://{FABRIC_ADDRESS}:{REGISTRY_PORT}"
PACKAGE_PROXY = f"http://{FABRIC_ADDRESS}:{PACKAGE_PROXY_PORT}"

GPU_SERVERS = ("gpu-server-1", "gpu-server-2", "gpu-server-3")
"""The nova-compute services: the three GPU servers of the mission."""
