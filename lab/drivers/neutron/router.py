"""neutron's router plugin without agents: the database is neutron's, the routing is done by the network agent."""

from __future__ import annotations

from neutron.db import extraroute_db, l3_fip_port_details, l3_gwmode_db
from neutron.db.models import l3 as l3_models
from neutron.quota import resource_registry
from neutron_lib.api.definitions import extraroute, fip_port_details, l3, l3_ext_gw_mode
from neutron_lib.plugins import constants
from neutron_lib.services import base


class RouterPlugin(
    base.ServicePluginBase,
    extraroute_db.ExtraRoute_dbonly_mixin,
    l3_gwmode_db.L3_NAT_dbonly_mixin,
    l3_fip_port_details.Fip_port_details_db_mixin,
):
    """Routers, router interfaces and floating addresses."""

    supported_extension_aliases = (l3.ALIAS, l3_ext_gw_mode.ALIAS, extraroute.ALIAS, fip_port_details.ALIAS)
    __filter_validation_support = True
    __native_pagination_support = True
    __native_sorting_support = True

    @resource_registry.tracked_resources(router=l3_models.Router, floatingip=l3_models.FloatingIP)
    def __init__(self) -> None:
        super().__init__()

    def get_plugin_type(self) -> str:
        """What kind of service this is."""
        return str(constants.L3)

    def get_plugin_description(self) -> str:
        """One line for the API."""
        return "Routers of the lab: the fabric's kernel routes and translates"
