"""How fast the filesystem is can be measured: the short form of `make -s bench-storage`."""

from __future__ import annotations

from lab.storage.__main__ import measure
from lab.storage.cluster import CLIENT, Storage
from lab.storage.jobs import jobs
from tests.platform.storage.test_ceph import pytestmark as pytestmark


def test_each_figure_has_both_sides_and_nothing_is_left(storage: Storage) -> None:
    wanted = jobs(16, 1)
    figures = measure(storage, 1, wanted)
    assert list(figures) == [job.name for job in wanted]
    for name, figure in figures.items():
        assert figure["shared"] > 0 and figure["local"] > 0, (name, figure)
        assert {"unit", "compares", "runs", "spread", "conditions"} <= set(figure)
    assert storage.run(CLIENT, "find", "/shared/homes", "/root", "-name", "measured") == ""
