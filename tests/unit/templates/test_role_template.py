"""The lookup ai_infn.platform.role_template renders as ansible.builtin.template does, whoever asks."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleLookupError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar, trust_as_template

from tests.support import ROOT

VARIABLES = {
    "registry_mirror": trust_as_template("http://{{ mirror_host }}:5000"),
    "mirror_host": "192.0.2.1",
    "_containerd_registry": "docker.io",
    "_host_base_header": "# Ours.\n",
    "host_base_sysctls": {"net.ipv4.ip_forward": 1, "fs.inotify.max_user_watches": 2},
}


def render(lookup: str, term: str, **options: object) -> str:
    loader = DataLoader()
    templar = Templar(loader=loader, variables=VARIABLES)
    plugin = lookup_loader.get(lookup, loader=loader, templar=templar)
    (said,) = plugin.run([term], variables=dict(VARIABLES), **options)
    return str(said)


@pytest.mark.parametrize("name", ["containerd/hosts.toml.j2", "host_base/sysctl.conf.j2"])
def test_a_template_reads_as_the_builtin_lookup_renders_it(name: str) -> None:
    role, template = name.split("/")
    said = render("ai_infn.platform.role_template", name)
    assert said == render("ansible.builtin.template", str(ROOT / "roles" / role / "templates" / template))
    assert said.strip() and "{%" not in said


def test_further_variables_go_before_the_others() -> None:
    options = {"template_vars": {"mirror_host": "192.0.2.2"}}
    assert "192.0.2.2" in render("ai_infn.platform.role_template", "containerd/hosts.toml.j2", **options)
    assert "192.0.2.1" in render("ai_infn.platform.role_template", "containerd/hosts.toml.j2")


@pytest.mark.parametrize("term", ["containerd/nothing.j2", "nobody/hosts.toml.j2", "hosts.toml.j2"])
def test_a_template_that_is_not_there_is_named(term: str) -> None:
    with pytest.raises(AnsibleLookupError, match=f"role_template: {term}"):
        render("ai_infn.platform.role_template", term)
