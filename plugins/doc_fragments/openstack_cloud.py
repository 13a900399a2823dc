# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the options that the cloud modules share."""

from __future__ import annotations


class ModuleDocFragment:
    """Options of ``module_utils.openstack.spec``."""

    DOCUMENTATION = r"""
options:
  cloud:
    description: Name of the cloud in C(clouds.yaml). Its project is the site's.
    type: str
    required: true
  clouds_file:
    description: The C(clouds.yaml). When it is not given, the places where openstacksdk looks.
    type: path
  site:
    description:
      - Name of the site. It marks all that is made (metadata C(ai_infn_site)); what lacks the mark is never changed.
    type: str
    required: true
requirements:
  - openstacksdk
"""

    SITE = r"""
options:
  network:
    description: The network of the site's hosts.
    type: dict
    required: true
    suboptions:
      name:
        description: Its name; also that of its subnet and router.
        type: str
        required: true
      cidr:
        description: Range of its addresses. Needed unless O(network.existing).
        type: str
        default: ""
      existing:
        description:
          - Whether it was given by the cloud's administrators. Then network, subnet and router are used as they are.
        type: bool
        default: false
      external:
        description:
          - Name of the external network for the router that is made, and for floating IPs. Empty means neither.
        type: str
        default: ""
      dns:
        description: Name servers of the subnet.
        type: list
        elements: str
        default: []
  security_groups:
    description:
      - Security groups by their name, which the cloud knows as C(<site>-<name>).
      - Each has a C(description), C(members) (groups of hosts, or C(all)) and C(rules).
      - A rule has C(protocol) (C(tcp), C(udp), C(icmp) or C(any)), C(port_min), C(port_max) (default C(port_min)) and
        C(from), which is a network, the name of a security group here, or C(admin) for O(admin_cidrs).
      - The set of rules is exact; a rule that was added by hand is removed.
      - A group of which no host is a member is not made.
    type: dict
    default: {}
  admin_cidrs:
    description: Networks from which the administrators reach the hosts.
    type: list
    elements: str
    default: []
  key_name:
    description: Name of the key pair.
    type: str
    required: true
  public_key:
    description: The public key, as in C(id_ed25519.pub).
    type: str
    default: ""
  server_group_policies:
    description: Policies of server groups by their name. Others get C(soft-anti-affinity).
    type: dict
    default: {}
  hosts:
    description: The declared hosts.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description: Name of the host, its server and its port.
        type: str
        required: true
      groups:
        description: Groups to which it belongs in the inventory.
        type: list
        elements: str
        default: []
      flavor:
        description: Name of the flavor.
        type: str
        required: true
      image:
        description: Name or id of the image. Of several images with one name the newest is taken.
        type: str
        default: ""
      fixed_ip:
        description: Address in the site's network. When it is not given, the cloud chooses one.
        type: str
        default: ""
      floating_ip:
        description: Whether it gets a floating IP.
        type: bool
        default: false
      volumes:
        description: Its data volumes. They belong to the host's name and outlive the server.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name, unique on the host.
            type: str
            required: true
          size:
            description: Size in GiB.
            type: int
            required: true
          type:
            description: Volume type. Empty is the cloud's default.
            type: str
            default: ""
      server_group:
        description: Server group, which spreads its members over the cloud's machines.
        type: str
        default: ""
      availability_zone:
        description: Availability zone. Empty leaves the choice to the cloud.
        type: str
        default: ""
"""
