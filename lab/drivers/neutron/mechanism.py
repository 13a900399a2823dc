"""ML2 mechanism driver: binds every port, makes it active and has the network agent told about every change."""

from __future__ import annotations

from typing import Any

from neutron_lib import constants
from neutron_lib.api.definitions import portbindings
from neutron_lib.plugins.ml2 import api

from lab.drivers.neutron.publisher import Publisher


class LabMechanismDriver(api.MechanismDriver):
    """There is nothing to negotiate with a host: all of them are this machine."""

    def initialize(self) -> None:
        """Publish from now on."""
        self._publisher = Publisher()
        self._publisher.subscribe()

    @property
    def connectivity(self) -> str:
        """Ports of one network see each other's frames."""
        return str(portbindings.CONNECTIVITY_L2)

    def bind_port(self, context: Any) -> None:
        """Bind the port to the first segment. Security groups are enforced (port filter) by the network agent."""
        for segment in context.segments_to_bind:
            context.set_binding(
                segment[api.ID],
                portbindings.VIF_TYPE_BRIDGE,
                {portbindings.CAP_PORT_FILTER: True},
                constants.PORT_STATUS_ACTIVE,
            )
            return
