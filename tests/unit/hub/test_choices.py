"""What an account is offered, and what of it can be chosen."""

from __future__ import annotations

import pytest
from hub.choices import Account, ChoiceError, Team, account_of, choices, choose

from tests.unit.hub.samples import SLICE, T4, settings

ANNA = Account(10001, "anna", (Team(20001, "theory"), Team(20002, "projects/gpu")))
CARLA = Account(10003, "carla")


def test_what_an_account_may_not_use_is_not_offered() -> None:
    site = settings(gpus=(SLICE, T4))
    assert choices(site, ANNA).gpus == (SLICE, T4)
    assert choices(site, CARLA).gpus == (SLICE,)


def test_what_is_not_said_is_the_first_and_no_gpu() -> None:
    chosen = choose(choices(settings(), ANNA), {})
    assert (chosen.image.name, chosen.size.name, chosen.gpu, chosen.team) == ("notebook", "small", None, ANNA.teams[0])


def test_who_has_no_group_is_charged_alone() -> None:
    assert choose(choices(settings(), CARLA), {"gpu": ["a100"]}).team is None


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"gpu": "t4"}, "GPU t4: your account may not use it. You may use: a100."),
        ({"image": "root"}, "image root"),
        ({"size": ["huge"]}, "size huge"),
        ({"group": "hackathon"}, "group hackathon: your account may not use it. You may use: none."),
    ],
)
def test_what_is_not_offered_is_refused_with_what_is(asked: dict[str, object], said: str) -> None:
    with pytest.raises(ChoiceError, match=said):
        choose(choices(settings(gpus=(SLICE, T4)), CARLA), asked)


def test_an_account_is_what_the_database_tells() -> None:
    told = {"number": 7, "name": "x", "ready": True, "groups": [{"number": 9, "name": "g", "ready": False}]}
    assert account_of(told) == Account(7, "x", (Team(9, "g", ready=False),))
