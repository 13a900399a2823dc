"""What people do at the hub of the lab, and what they are refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest

from lab import iam
from lab.sessions.visitor import VisitError, Visitor, said
from tests.platform.hub import MARKS, SLICE, Hub, hub_of
from tests.platform.site import Lab
from tests.support import eventually

pytestmark = MARKS
SEES = "import subprocess; print(subprocess.run(['nvidia-smi', '-L'], capture_output=True, text=True).stdout)"


@pytest.fixture(scope="module")
def hub(raised: Lab, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    return hub_of(raised, tmp_path_factory.mktemp("hub"))


@pytest.fixture(scope="module")
def anna(hub: Hub) -> Iterator[Visitor]:
    with hub.session("anna", gpu=SLICE) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def bruno(hub: Hub) -> Iterator[Visitor]:
    with hub.session("bruno", gpu=SLICE) as visitor:
        yield visitor


def is_known(visitor: Visitor) -> bool:
    """Whether the hub answers, and knows who asks."""
    try:
        return bool(visitor.api("GET", "user")["name"] == visitor.user)
    except VisitError:
        return False


def test_each_sees_the_one_slice_that_the_session_has(anna: Visitor, bruno: Visitor) -> None:
    seen = [visitor.run(SEES) for visitor in (anna, bruno)]
    slices = [[line for line in text.splitlines() if "MIG 1g.5gb" in line] for text in seen]
    assert [len(one) for one in slices] == [1, 1], seen
    assert slices[0] != slices[1]


def test_home_and_group_folder_are_written_and_nobody_elses(anna: Visitor, bruno: Visitor) -> None:
    write = "open('/home/private/{0}', 'w').write('of {0}'); open('/home/shared-{1}/{0}', 'w').write('of {0}')"
    anna.run(write.format("anna", "theory"))
    bruno.run(write.format("bruno", "hackathon"))
    look = "import glob; print(sorted(glob.glob('/home/*/*')))"
    assert "/home/private/anna" in anna.run(look)
    seen = bruno.run(look)
    assert "/home/private/bruno" in seen
    assert "anna" not in seen
    with pytest.raises(VisitError, match=r"OSError|PermissionError"):
        anna.run("open('/home/envs/mine', 'w')")


def test_ports_of_a_session_are_closed_to_others(hub: Hub, anna: Visitor, bruno: Visitor) -> None:
    address = hub.pod(anna)["status"]["podIP"]
    with pytest.raises(VisitError, match=r"TimeoutError|timed out"):
        bruno.run(f"import socket; socket.create_connection(('{address}', 8888), 3)")


def test_a_session_has_what_later_layers_rely_on_and_nothing_more(hub: Hub, anna: Visitor) -> None:
    pod = hub.pod(anna)
    number = int(anna.user.removeprefix("user-"))
    spec, labels = pod["spec"], pod["metadata"]["labels"]
    (container,) = spec["containers"]
    assert spec["priorityClassName"] == "interactive"
    assert labels["platform.ai-infn.it/account"] == str(number)
    assert int(labels["platform.ai-infn.it/charged-group"]) in spec["securityContext"]["supplementalGroups"]
    assert spec["securityContext"]["runAsUser"] == number
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    assert not container["securityContext"]["allowPrivilegeEscalation"]
    assert spec["automountServiceAccountToken"] is False
    for kind in ("requests", "limits"):
        assert {"cpu", "memory", "nvidia.com/mig-1g.5gb"} <= set(container["resources"][kind])


def test_who_is_in_no_group_of_the_hub_is_told_so(hub: Hub) -> None:
    visitor = hub.visitor()
    page = visitor.login("carla", iam.PASSWORD.read_text())
    assert page.status_code == 403
    assert "This hub is for members of: hackathon, theory. Your groups are: guests." in said(page.text)


def test_what_may_not_be_used_is_not_offered_and_is_refused(hub: Hub) -> None:
    visitor = hub.free("bruno")
    form = visitor.page("/hub/spawn").text
    assert 'value="a100-1g.5gb"' in form
    assert 'value="t4"' not in form
    with pytest.raises(VisitError, match="t4: your account may not use it"):
        visitor.start(gpu="t4")


def test_a_session_goes_on_while_the_hub_is_replaced(hub: Hub, anna: Visitor) -> None:
    before = hub.pod(anna)["metadata"]["uid"]
    hub.lab.kubectl("-n", "hub", "delete", "pod", "-l", "app.kubernetes.io/name=hub", "--wait=false")
    assert anna.run("print(6 * 7)").strip() == "42"
    hub.lab.kubectl("-n", "hub", "rollout", "status", "deployment/hub", "--timeout=180s")
    eventually(partial(is_known, anna), 60, "the hub knows anna")
    assert hub.pod(anna)["metadata"]["uid"] == before
    assert anna.api("GET", f"users/{anna.user}")["servers"][""]["ready"]


def test_a_hub_killed_while_a_session_begins_leaves_no_pod_that_it_does_not_know(hub: Hub) -> None:
    visitor = hub.free("bruno")
    visitor.choose()
    eventually(lambda: hub.lab.objects("pods", "-n", visitor.user) != [], 60, "the pod is made")
    hub.lab.kubectl("-n", "hub", "delete", "pod", "-l", "app.kubernetes.io/name=hub", "--grace-period=0", "--force")
    hub.lab.kubectl("-n", "hub", "rollout", "status", "deployment/hub", "--timeout=180s")

    def settled() -> bool:
        if not is_known(visitor):
            return False
        known = visitor.api("GET", f"users/{visitor.user}")["servers"]
        sessions = [one for one in hub.lab.objects("pods", "-n", visitor.user) if one["metadata"]["name"] == "session"]
        return bool(known) == bool(sessions)

    eventually(settled, 120, "hub and cluster agree")


def test_a_second_run_changes_nothing(raised: Lab) -> None:
    raised.playbook("hub").assert_unchanged()
