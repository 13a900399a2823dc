"""A site's settings, and Nodes and pods as the API server gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hub.settings import Gpu, Image, Provider, Settings, Size

PROVIDER = Provider(
    issuer="https://iam.example/",
    authorize_url="https://iam.example/authorize",
    token_url="https://iam.example/token",
    userinfo_url="https://iam.example/userinfo",
    keys_url="https://iam.example/jwk",
    client_id="hub",
    scope=("openid", "profile"),
    groups_claim="groups",
    name_claim="preferred_username",
)
SLICE = Gpu("a100", "A slice of an A100", "nvidia.com/mig-1g.5gb")
T4 = Gpu("t4", "A T4", "nvidia.com/gpu", {"nvidia.com/gpu.product": "Tesla-T4"}, groups=frozenset({"theory"}))


def settings(**values: Any) -> Settings:
    """Return the settings of a small site, with some of them otherwise."""
    usual: dict[str, Any] = {
        "site": "lab",
        "url": "https://hub.example",
        "provider": PROVIDER,
        "database": "",
        "identity": "",
        "images": (Image("notebook", "Notebook", "example/notebook"),),
        "sizes": (Size("small", "Small", 1, 0.5, 2),),
        "gpus": (SLICE,),
        "group_gpus": {},
        "allowed_groups": frozenset(),
        "admin_groups": frozenset(),
        "queue": "",
        "priority_class": "interactive",
        "proxy_api": "",
        "secrets": Path("/none"),
    }
    return Settings(**{**usual, **values})


def node(name: str, gpus: dict[str, int], labels: dict[str, str] | None = None, **spec: Any) -> dict[str, Any]:
    """Return a Node that is ready."""
    return {
        "metadata": {"name": name, "uid": name, "labels": labels or {}},
        "spec": spec,
        "status": {
            "allocatable": {resource: str(number) for resource, number in gpus.items()},
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def pod(name: str, where: str, gpus: dict[str, int], priority: str = "interactive", **metadata: Any) -> dict[str, Any]:
    """Return a pod that runs."""
    requests = {"requests": {resource: str(number) for resource, number in gpus.items()}}
    about = {"name": name, "namespace": name, "uid": name, **metadata}
    spec = {"nodeName": where, "priorityClassName": priority, "containers": [{"name": "main", "resources": requests}]}
    return {"metadata": about, "spec": spec, "status": {"phase": "Running"}}
