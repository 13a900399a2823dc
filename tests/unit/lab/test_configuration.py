"""The services' configuration, as text."""

from __future__ import annotations

from configparser import ConfigParser

import pytest

from lab import settings
from lab.openstack import config, daemons, operator, reports, secrets, services

PASSWORDS = {name: f"pass-{name}" for name in secrets.NAMES}


def parsed(text: str) -> ConfigParser:
    parser = ConfigParser(interpolation=None)
    parser.read_string(text)
    return parser


def test_rendering_doubles_what_the_reader_would_substitute() -> None:
    assert config.render({"a": {"b": "c$d"}}) == "[a]\nb = c$$d\n"


def test_every_compute_service_is_a_host_of_its_own() -> None:
    files = {path.name: parsed(text) for path, text in config.files(PASSWORDS).items()}
    hosts = [files[f"{host}.conf"]["DEFAULT"] for host in settings.GPU_SERVERS]
    assert [host["host"] for host in hosts] == list(settings.GPU_SERVERS)
    assert len({host["state_path"] for host in hosts}) == len(hosts)


def test_a_compute_service_knows_no_database() -> None:
    sections = config.nova(PASSWORDS, settings.GPU_SERVERS[0])
    assert not {"database", "api_database"} & set(sections)


def test_every_service_identifies_itself_with_its_own_password() -> None:
    for path, text in config.files(PASSWORDS).items():
        service = path.parent.name
        if service != "keystone":
            assert parsed(text)["keystone_authtoken"]["password"] == f"pass-{service}"


def test_no_password_is_on_a_command_line() -> None:
    for program in [*daemons.programs(), *services.apis(), *services.workers()]:
        assert "pass-" not in " ".join(program.command)


def test_programs_wait_only_for_programs_that_exist() -> None:
    programs = [*daemons.programs(), *services.apis(), *services.workers()]
    names = {program.name for program in programs}
    assert len(names) == len(programs)
    assert {after for program in programs for after in program.after} <= names


def test_every_worker_without_a_port_is_expected_to_report() -> None:
    workers = {program.name for program in services.workers()} - {"network-agent"}
    assert set(reports.REPORTING) == workers


def test_tenant_networks_leave_room_for_vxlan() -> None:
    neutron = config.neutron(PASSWORDS)
    assert int(neutron["DEFAULT"]["global_physnet_mtu"]) - 50 == settings.TENANT_MTU
    assert neutron["ml2"]["tenant_network_types"] == "vxlan"


def test_neutron_asks_placement_as_it_asks_nova() -> None:
    neutron = config.neutron(PASSWORDS)
    assert neutron["placement"] == neutron["nova"] == config.nova(PASSWORDS)["placement"]


def test_cinder_is_told_of_filters_that_are_put_there() -> None:
    told = config.cinder(PASSWORDS)["DEFAULT"]["resource_query_filters_file"]
    assert told in {str(config.ETC / name) for name in services.GIVEN_FILES}


def test_clouds_are_the_tenants_projects() -> None:
    projects = operator.catalog()["projects"]
    assert {project["cloud"] for project in projects.values()} == {"lab", "cnaf", "recas_bari"}
    text = operator.clouds({"lab": ("user", "secret", "ai-infn")})
    assert "project_name: ai-infn" in text


@pytest.mark.parametrize("quota", ["cores", "ram", "instances", "port", "floatingip", "volumes", "gigabytes"])
def test_every_quota_that_preflight_checks_is_set(quota: str) -> None:
    for project in operator.catalog()["projects"].values():
        assert any(quota in kind for kind in project["quotas"].values())


def test_flavors_are_kept_only_on_servers_that_exist() -> None:
    kept = {flavor["server"] for flavor in operator.catalog()["flavors"].values() if "server" in flavor}
    assert kept <= set(settings.GPU_SERVERS)
    assert "AggregateInstanceExtraSpecsFilter" in config.nova(PASSWORDS)["filter_scheduler"]["enabled_filters"]
