# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that the modules share; described in the documentation fragments of the same name."""

from __future__ import annotations

from typing import Any

CLOUD_OPTIONS: dict[str, Any] = {
    "cloud": {"type": "str", "required": True},
    "clouds_file": {"type": "path"},
    "site": {"type": "str", "required": True},
}

_VOLUME = {
    "name": {"type": "str", "required": True},
    "size": {"type": "int", "required": True},
    "type": {"type": "str", "default": ""},
}

_HOST = {
    "name": {"type": "str", "required": True},
    "groups": {"type": "list", "elements": "str", "default": []},
    "flavor": {"type": "str", "required": True},
    "image": {"type": "str", "default": ""},
    "fixed_ip": {"type": "str", "default": ""},
    "floating_ip": {"type": "bool", "default": False},
    "volumes": {"type": "list", "elements": "dict", "default": [], "options": _VOLUME},
    "server_group": {"type": "str", "default": ""},
    "availability_zone": {"type": "str", "default": ""},
}

_NETWORK = {
    "name": {"type": "str", "required": True},
    "cidr": {"type": "str", "default": ""},
    "existing": {"type": "bool", "default": False},
    "external": {"type": "str", "default": ""},
    "dns": {"type": "list", "elements": "str", "default": []},
}

SITE_OPTIONS: dict[str, Any] = {
    **CLOUD_OPTIONS,
    "network": {"type": "dict", "required": True, "options": _NETWORK},
    "security_groups": {"type": "dict", "default": {}},
    "admin_cidrs": {"type": "list", "elements": "str", "default": []},
    "key_name": {"type": "str", "required": True, "no_log": False},
    "public_key": {"type": "str", "default": "", "no_log": False},
    "server_group_policies": {"type": "dict", "default": {}},
    "hosts": {"type": "list", "elements": "dict", "required": True, "options": _HOST},
}
