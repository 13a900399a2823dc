"""Figures are medians of all rounds, compared within their limits."""

from __future__ import annotations

import pytest

from lab.bench import figures

ROUNDS = [
    {"ours": {"cluster_ready": 30.0, "round_trips_3": 90.0}, "reference": {"cluster_ready": 20.0}},
    {"ours": {"cluster_ready": 33.0, "round_trips_3": 90.0}, "reference": {"cluster_ready": 24.0}},
    {"ours": {"cluster_ready": 90.0, "round_trips_3": 90.0}, "reference": {"cluster_ready": 22.0}},
]


def test_a_figure_has_medians_ratio_unit_and_every_single_value() -> None:
    one = figures.document(ROUNDS, {"quiet": True})["cluster_ready"]
    assert (one["ours"], one["reference"], one["ratio"], one["unit"]) == (33.0, 22.0, 1.5, "s")
    assert one["runs"] == {"ours": [30.0, 33.0, 90.0], "reference": [20.0, 24.0, 22.0]}
    assert one["conditions"] == {"quiet": True}


def test_a_figure_without_values_of_both_sides_is_left_out() -> None:
    assert set(figures.document(ROUNDS, {})) == {"cluster_ready"}


def test_spread_is_the_width_as_a_part_of_the_median() -> None:
    assert figures.spread([20.0, 24.0, 22.0]) == pytest.approx(0.182)
    assert figures.spread([5.0]) == 0.0
    assert figures.spread([0.0, 0.0]) == 0.0


def test_the_ratio_of_two_zeros_is_one_and_of_something_to_zero_is_unknown() -> None:
    assert figures.ratio(0.0, 0.0) == 1.0
    assert figures.ratio(3.0, 0.0) is None


@pytest.mark.parametrize(("ours", "within"), [(30.0, True), (30.1, False)])
def test_a_ratio_at_its_limit_is_within(ours: float, within: bool) -> None:
    rounds = [{"ours": {"cluster_ready": ours}, "reference": {"cluster_ready": 20.0}}]
    found = figures.document(rounds, {})
    assert found["cluster_ready"]["within_limit"] is within
    assert len(figures.beyond_limits(found)) == (0 if within else 1)


def test_growth_compares_our_side_with_itself() -> None:
    rounds = [{"ours": {"add_worker_3": 10.0, "add_worker_8": 12.0}, "reference": {}}]
    one = figures.document(rounds, {})["add_worker_growth"]
    assert (one["ours"], one["reference"], one["ratio"]) == (12.0, 10.0, 1.2)


def test_a_figure_without_a_limit_makes_no_promise() -> None:
    rounds = [{"ours": {"no_change_run": 4.0}, "reference": {"no_change_run": 0.4}}]
    found = figures.document(rounds, {})
    assert found["no_change_run"]["within_limit"] is None
    assert figures.beyond_limits(found) == []


def test_the_table_has_a_line_for_every_figure() -> None:
    assert "cluster_ready" in figures.table(figures.document(ROUNDS, {}))
