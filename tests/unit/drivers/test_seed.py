"""What a guest is told about itself."""

from __future__ import annotations

import base64
import json
from types import SimpleNamespace

from lab import settings
from lab.drivers.nova import translate
from lab.machine import seed

VIF = {
    "id": "2f0e4d3c-0000-4000-8000-000000000001",
    "address": "fa:16:3e:00:00:05",
    "network": {
        "id": "aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee",
        "meta": {"mtu": 1450},
        "subnets": [
            {
                "cidr": "10.64.0.0/24",
                "gateway": {"address": "10.64.0.1"},
                "ips": [{"address": "10.64.0.5"}],
                "dns": [],
                "routes": [],
            }
        ],
    },
}


def instance(**changes: object) -> SimpleNamespace:
    """A server as nova describes it."""
    plain = {
        "uuid": "11111111-2222-4333-8444-555555555555",
        "hostname": "control-1",
        "key_data": "ssh-ed25519 AAAA lab\n",
        "user_data": None,
        "metadata": {"role": "control"},
    }
    return SimpleNamespace(**(plain | changes))


def documents(**changes: object) -> dict[str, bytes]:
    """The documents of a server with one interface."""
    return seed.documents(translate.seed(instance(**changes), [VIF]))


def test_the_network_is_static_with_address_gateway_and_mtu_of_the_port() -> None:
    ethernet = json.loads(documents()["network-config"])["ethernets"]["eth0"]
    assert ethernet["addresses"] == ["10.64.0.5/24"]
    assert ethernet["routes"] == [{"to": "0.0.0.0/0", "via": "10.64.0.1"}]
    assert ethernet["mtu"] == 1450
    assert ethernet["match"] == {"macaddress": "fa:16:3e:00:00:05"}


def test_the_hostname_and_the_key_are_in_the_metadata() -> None:
    found = json.loads(documents()["meta-data"])
    assert (found["local-hostname"], found["public-keys"]) == ("control-1", ["ssh-ed25519 AAAA lab"])


def test_user_data_arrives_as_it_was_sent() -> None:
    text = b"#cloud-config\nruncmd: [true]\n"
    assert documents(user_data=base64.b64encode(text).decode())["user-data"] == text


def test_a_subnet_without_name_servers_gets_the_fabrics() -> None:
    assert documents()["resolv.conf"] == f"nameserver {settings.FABRIC_ADDRESS}\n".encode()


def test_names_of_bridges_and_cables_fit_the_kernels_15_characters() -> None:
    (nic,) = translate.nics([VIF])
    assert (nic.bridge, nic.tap, nic.name) == ("br-aaaaaaaa-bb", "tap2f0e4d3c-00", "eth0")
    assert max(len(nic.bridge), len(nic.tap)) <= 15


def test_only_the_first_interface_has_a_default_route() -> None:
    first, second = translate.interfaces([VIF, VIF])
    assert (first.gateway, second.gateway) == ("10.64.0.1", None)


def test_a_server_name_with_odd_characters_still_names_a_container() -> None:
    assert translate.container_name("my host/1") == "my-host-1"
