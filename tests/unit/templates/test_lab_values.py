"""What only the lab's machines need stays in the lab: no other site writes it on its hosts."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support import ROOT
from tests.unit.templates.rendering import Rendering, render, templates_of

LAB = ROOT / "inventories" / "lab" / "group_vars" / "all"
SITES = ("cnaf", "recas_bari")

LAB_TEXTS = {
    "an address of the lab": r"\b198\.51\.100\.|\b10\.64\.\d",
    "a folder of the lab": r"/ai-infn-lab/",
    "plain HTTP": r"\bhttp://(?![a-z-]+\.hub\.svc:)",  # between the hub's pods, which nobody else reaches
    "cgroup v1": r"failCgroupV1",
    "the oom score of a container": r"restrict_oom_score_adj = true",
    "ignored preflight errors": r"ignorePreflightErrors: \[[^]]",
    "the image garbage collection of one disk": r"imageGCHighThresholdPercent",
    "the evictions of one disk": r"evictionHard",
    "the connection tracking of a shared kernel": r"maxPerCore",
}


def loaded(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text()) or {}


def defaults() -> dict[str, Any]:
    """The default of every option of every role."""
    return {
        name: value
        for path in sorted((ROOT / "roles").glob("*/defaults/main.yml"))
        for name, value in loaded(path).items()
    }


LAB_OPTIONS = loaded(LAB / "crutches.yml") | loaded(LAB / "site.yml")
DEFAULTS = defaults()


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each thing that a value says, by where it says it."""
    if isinstance(value, dict) and value:
        for key, entry in value.items():
            yield from leaves(entry, f"{path}.{key}")
    elif isinstance(value, list) and value:
        for entry in value:
            yield from leaves(entry, path)
    else:
        yield path, json.dumps(value)


def options_of_the_lab(options: dict[str, Any]) -> list[str]:
    """Options of a host that say what the lab says and the default does not."""
    found = []
    for name, lab in LAB_OPTIONS.items():
        added = set(leaves(lab)) - set(leaves(DEFAULTS[name]))
        if added & set(leaves(options[name])) or (not added and options[name] == lab):
            found.append(name)
    return found


def texts_of_the_lab(rendering: Rendering) -> list[tuple[str, str]]:
    """What is the lab's in a rendering, and the first line that says so with its host and template."""
    return [
        (meaning, f"{host}: {name}: {line.strip()[:200]}")
        for host, texts in rendering.texts.items()
        for name, text in texts.items()
        for line in text.splitlines()
        for meaning, pattern in LAB_TEXTS.items()
        if re.search(pattern, line)
    ]


@pytest.fixture(scope="module", params=SITES)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rendering:
    """All that a site writes on its hosts."""
    return render(ROOT / "inventories" / request.param, tmp_path_factory.mktemp(request.param), list(LAB_OPTIONS))


def test_every_template_of_the_collection_is_rendered(site: Rendering) -> None:
    templates = {name for role in (ROOT / "roles").iterdir() for name in templates_of(role)}
    elsewhere = {
        str(path.relative_to(ROOT))
        for folder in ("playbooks", "plugins", "roles")
        for path in (ROOT / folder).rglob("*.j2")
    }
    rendered = {name for texts in site.texts.values() for name in texts if "/" in name}
    assert templates
    assert rendered == templates | elsewhere


def test_a_control_plane_and_a_worker_are_among_the_hosts(site: Rendering) -> None:
    assert {"roles/kubernetes_control_plane/templates/init.yaml.j2" in texts for texts in site.texts.values()} == {
        True,
        False,
    }


def test_no_text_of_the_lab_is_written(site: Rendering) -> None:
    assert texts_of_the_lab(site) == []


def test_no_option_has_the_value_of_the_lab(site: Rendering) -> None:
    found = {host: options_of_the_lab(options) for host, options in site.options.items()}
    assert found
    assert {host: names for host, names in found.items() if names} == {}


def test_every_value_of_the_lab_would_be_found_at_another_site(tmp_path: Path) -> None:
    inventory = tmp_path / "site"
    shutil.copytree(ROOT / "inventories" / "recas_bari", inventory, ignore=shutil.ignore_patterns("state"))
    # The lab's own state and digests are left alone: the machine that runs this may be a lab.
    told = LAB_OPTIONS | {"site_state_dir": "/var/lib/ai-infn-lab/nowhere"}
    told |= {"openstack_network_cidr": loaded(LAB / "openstack.yml")["openstack_network_cidr"]}
    del told["artifact_digests"]
    (inventory / "group_vars" / "all" / "told.yml").write_text(yaml.safe_dump(told))
    rendering = render(inventory, tmp_path, list(LAB_OPTIONS))
    assert {meaning for meaning, _ in texts_of_the_lab(rendering)} == set(LAB_TEXTS)
    for options in rendering.options.values():
        assert set(options_of_the_lab(options)) == set(LAB_OPTIONS) - {"site_state_dir", "artifact_digests"}


def test_a_new_template_is_rendered_and_what_it_needs_is_asked_for(tmp_path: Path) -> None:
    name = "roles/host_base/templates/new/rule.conf"
    site = ROOT / "inventories" / "recas_bari"
    rendering = render(site, tmp_path / "known", [], {name: "at {{ kubernetes_node_address }}"})
    assert all(texts[name].startswith("at 192.168.181.") for texts in rendering.texts.values())
    with pytest.raises(AssertionError, match="nobody_says"):
        render(site, tmp_path / "unknown", [], {name: "at {{ nobody_says }}"})
