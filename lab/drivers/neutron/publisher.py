"""Writes what neutron wants, whole, after every change.

One thread gathers everything anew whenever something changed. A site of the lab is small, so that costs a few queries;
in return no order of events can leave the document wrong.
"""

from __future__ import annotations

import threading
from typing import Any

from neutron_lib import constants, context
from neutron_lib.callbacks import events, registry, resources
from neutron_lib.plugins import constants as plugins
from neutron_lib.plugins import directory
from oslo_log import log

from lab.drivers.network import desired
from lab.drivers.neutron import gather

LOG = log.getLogger(__name__)
WATCHED = (
    resources.PORT, resources.NETWORK, resources.SUBNET, resources.SECURITY_GROUP, resources.SECURITY_GROUP_RULE,
    resources.ROUTER, resources.ROUTER_GATEWAY, resources.ROUTER_INTERFACE, resources.FLOATING_IP,
)  # fmt: skip
CHANGES = (events.AFTER_CREATE, events.AFTER_UPDATE, events.AFTER_DELETE)
SAFETY_INTERVAL = 30.0
"""Seconds after which everything is looked through even if no event came."""
ROUTER_OWNERS = (constants.DEVICE_OWNER_ROUTER_INTF, constants.DEVICE_OWNER_ROUTER_GW)


class Publisher:
    """Publishes in a thread of its own, so that no request waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Event()
        self._start = threading.Lock()
        self._thread: threading.Thread | None = None

    def subscribe(self) -> None:
        """Hear of every change, and of the end of neutron's start."""
        for resource in WATCHED:
            for event in CHANGES:
                registry.subscribe(self._hear, resource, event)
        registry.subscribe(self._hear, resources.PROCESS, events.AFTER_INIT)

    def publish(self) -> bool:
        """Write the document if it differs; True when it does."""
        core, routers = directory.get_plugin(), directory.get_plugin(plugins.L3)
        admin = context.get_admin_context()
        ports = core.get_ports(admin)
        floating = routers.get_floatingips(admin) if routers else []
        document = gather.gather(
            networks=core.get_networks(admin),
            subnets=core.get_subnets(admin),
            ports=ports,
            groups=core.get_security_groups(admin, default_sg=True),
            routers=routers.get_routers(admin) if routers else [],
            floating=floating,
        )
        written = desired.write(desired.encode(document))
        self._report(core, routers, admin, ports, floating)
        return written

    def _hear(self, resource: str, event: str, trigger: Any, payload: Any = None) -> None:
        with self._start:
            # Only now: a thread started before uwsgi forks would stay behind in the parent.
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                self._thread.start()
        self._changed.set()

    def _run(self) -> None:
        while True:
            self._changed.wait(SAFETY_INTERVAL)
            self._changed.clear()
            try:
                self.publish()
            except Exception:
                LOG.exception("could not publish the network's state; trying again")
                threading.Event().wait(1)
                self._changed.set()

    @staticmethod
    def _report(core: Any, routers: Any, admin: Any, ports: list[Any], floating: list[Any]) -> None:
        """Tell neutron that what it asked for is done, as agents do."""
        for port in ports:
            if port["device_owner"] in ROUTER_OWNERS and port["status"] != constants.PORT_STATUS_ACTIVE:
                core.update_port_status(admin, port["id"], constants.PORT_STATUS_ACTIVE)
        for address in floating:
            status = constants.FLOATINGIP_STATUS_ACTIVE if address["port_id"] else constants.FLOATINGIP_STATUS_DOWN
            if address["status"] != status:
                routers.update_floatingip_status(admin, address["id"], status)
