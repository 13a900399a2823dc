"""What a writer was told, and what of it a file lacks."""

from __future__ import annotations

from lab.storage.writer import LINE, Acknowledged, longest_pause, lost


def told(*numbers: int) -> list[Acknowledged]:
    return [Acknowledged(number, 100.0 + number) for number in numbers]


def test_a_number_that_was_acknowledged_and_is_not_there_is_lost() -> None:
    assert lost(told(1, 2, 4), "0000000001\n0000000004\n") == [2]


def test_zeros_in_the_place_of_a_write_that_nobody_acknowledged_are_no_loss() -> None:
    hole = "\0" * 11
    assert lost(told(1, 3), f"0000000001\n{hole}0000000003\n") == []
    assert lost(told(1, 2, 3), f"0000000001\n{hole}0000000003\n") == [2]


def test_a_number_that_is_there_and_was_not_acknowledged_is_no_loss() -> None:
    assert lost(told(1), "0000000001\n0000000002\n00000") == []


def test_the_longest_pause_reaches_to_the_end() -> None:
    assert longest_pause(told(1, 2, 5), 106.0) == 3.0
    assert longest_pause(told(1, 2), 110.0) == 8.0
    assert longest_pause([], 110.0) == 0.0


def test_a_line_that_a_power_cut_has_cut_is_none() -> None:
    assert [found[1] for found in LINE.finditer("1 100.25\n# 107\n2 101.5\n3 10")] == ["1", "2"]
