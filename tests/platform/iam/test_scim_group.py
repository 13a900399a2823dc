"""The module scim_group at a real server of SCIM 2.0, asked as a client that was registered before."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.iam.canaille import Canaille
from tests.platform.iam.modules import MARKS, run

pytestmark = MARKS

USERS = ("ada", "grace", "alan")
NAME = "platform-admins"


class Group:
    """A group, by how the module is told of it."""

    def __init__(self, provider: Canaille, client: Path) -> None:
        self._options = {
            "endpoint": f"{provider.issuer}/scim/v2",
            "issuer": provider.issuer,
            "authority": str(provider.authority),
            "client_file": str(client),
            "name": NAME,
        }

    def __call__(self, *words: str, fails: bool = False, **options: Any) -> dict[str, Any]:
        """Run the module; what it returned."""
        return run("scim_group", {**self._options, **options}, *words, fails=fails)[0]


@pytest.fixture(scope="module")
def client(provider: Canaille, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a client that may ask, and users."""
    file = tmp_path_factory.mktemp("client") / "client.json"
    metadata = {"client_name": "Administration", "grant_types": ["client_credentials"], "redirect_uris": ["https://no"]}
    run(
        "openid_client",
        {"issuer": provider.issuer, "authority": str(provider.authority), "file": str(file), "metadata": metadata},
    )
    for name in USERS:
        provider.have_user(name)
    return file


@pytest.fixture
def group(provider: Canaille, client: Path) -> Group:
    return Group(provider, client)


def test_check_mode_says_who_would_be_in_a_new_group(group: Group) -> None:
    said = group("--check", members=["ada", "grace"])
    assert (said["changed"], said["added"], said["id"]) == (True, ["ada", "grace"], "")
    assert not group(state="absent")["changed"]


def test_people_come_to_a_group_and_leave_it(group: Group) -> None:
    assert group(members=["ada"])["added"] == ["ada"]
    assert not group(members=["ada"])["changed"]
    said = group(members=["grace", "alan"])
    assert (said["added"], said["removed"]) == (["alan", "grace"], ["ada"])
    assert not group("--check", members=["grace", "alan"])["changed"]


def test_others_stay_where_it_is_not_exclusive_or_nobody_is_named(group: Group) -> None:
    group(members=["ada", "grace"])
    assert not group(members=["ada"], exclusive=False)["changed"]
    assert not group()["changed"]
    assert group(members=["ada"])["removed"] == ["grace"]


def test_who_is_not_there_is_named_before_the_first_change(group: Group) -> None:
    group(members=["ada"])
    said = group(members=["grace", "nobody", "noone"], fails=True)["msg"]
    assert "no user is named nobody, noone" in said
    assert not group(members=["ada"])["changed"]


def test_a_group_is_removed_once(group: Group) -> None:
    group(members=["ada"])
    assert group("--check", state="absent")["changed"]
    assert group(state="absent")["changed"]
    assert not group(state="absent")["changed"]
