"""Services of a host."""

from __future__ import annotations

from ansible_collections.ai_infn.platform.plugins.module_utils.overlay.services import Services, idle, parse


class Systemd:
    """Stands for a module whose commands find two services, one of them lacking, and records them."""

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run_command(self, command: list[str], check_rc: bool = False) -> tuple[int, str, str]:
        self.commands.append(" ".join(command))
        shown = "UnitFileState=enabled\nActiveState=active\n\nUnitFileState=disabled\nActiveState=inactive\n"
        return 0, shown if command[1] == "show" else "", ""


def test_states_are_read_in_the_order_of_the_question() -> None:
    shown = "ActiveState=active\nUnitFileState=static\n\nUnitFileState=\nActiveState=inactive\n"
    assert parse(["a", "b"], shown) == {"a": ("static", "active"), "b": ("", "inactive")}


def test_a_service_that_is_disabled_or_stopped_is_started() -> None:
    states = {"a": ("enabled", "active"), "b": ("disabled", "active"), "c": ("enabled", "failed")}
    assert idle(states) == ["b", "c"]


def test_only_what_lacks_is_enabled_without_a_reload_and_started() -> None:
    systemd = Systemd()
    services = Services(systemd, ["a.service", "b.service"])
    assert services.enable()
    services.start()
    assert systemd.commands[1:] == ["systemctl enable --no-reload --quiet b.service", "systemctl start b.service"]


def test_no_services_ask_nothing() -> None:
    systemd = Systemd()
    services = Services(systemd, [])
    assert not services.enable()
    services.start()
    assert systemd.commands == []
