"""Accounts of the lab: numbers that are nobody else's, homes with quotas, and what becomes of who leaves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.platform.accounts import CLIENT, ISSUER, SERVERS, Accounts, accounts_of, home
from tests.platform.site import Lab
from tests.platform.subjects import HOST, IDENTITY
from tests.support import eventually

pytestmark = [
    pytest.mark.rotation("identity", *HOST, *IDENTITY, "tests/platform/accounts.py", "tests/platform/test_identity.py"),
    pytest.mark.duration(60),
]


@pytest.fixture(scope="module")
def accounts(raised: Lab) -> Iterator[Accounts]:
    with accounts_of(raised) as made:
        yield made


def test_a_first_login_gives_a_number_a_home_and_group_folders(accounts: Accounts) -> None:
    alice = accounts.login("one", teams=("physics", "top/kid"))
    host = accounts.hosts[CLIENT]
    number = alice["number"]
    assert host.check_output(f"stat -c '%u %g %a' {home(alice)}") == f"{number} {number} 700"
    for team in alice["groups"]:
        assert host.check_output(f"stat -c '%u %g %a' /shared/groups/{team['number']}") == f"0 {team['number']} 2770"
    assert accounts.login("one", name="alice.renamed", teams=("physics", "top/kid"))["number"] == number
    assert [team["name"] for team in accounts.login("one", teams=("physics",))["groups"]] == [
        f"{accounts.mark}-physics"
    ]


def test_members_of_a_group_share_its_folder_and_others_do_not_read_it(accounts: Accounts) -> None:
    one, two, other = (
        accounts.login("m1", teams=("share",)),
        accounts.login("m2", teams=("share",)),
        accounts.login("m3"),
    )
    (team,) = one["groups"]
    path = f"/shared/groups/{team['number']}/file"
    assert accounts.as_user(one, f"umask 002; echo one >{path}").rc == 0
    assert accounts.as_user(two, f"echo two >>{path} && cat {path}", "worker-2").stdout == "one\ntwo\n"
    assert "Permission denied" in accounts.as_user(other, f"cat {path}").stderr


def test_another_account_with_an_old_name_has_another_number_and_an_empty_home(accounts: Accounts) -> None:
    old = accounts.login("old", name="bob")
    assert accounts.as_user(old, f"echo secret >{home(old)}/file").rc == 0
    new = accounts.login("new", name="bob")
    assert new["number"] != old["number"]
    assert accounts.as_user(new, f"ls -A {home(new)}").stdout == ""
    assert "Permission denied" in accounts.as_user(new, f"cat {home(old)}/file").stderr


def test_a_quota_stops_a_write_and_what_is_there_stays_readable_and_can_be_removed(accounts: Accounts) -> None:
    """Ceph's clients look at sizes a little later, so somewhat more than the quota is written."""
    account = accounts.login("quota")
    accounts.sql(f"UPDATE identity.account SET quota_bytes = 16777216 WHERE number = {account['number']}")
    program = f"import os; print(os.getxattr('{home(account)}', 'ceph.quota.max_bytes').decode())"
    asked = f'python3 -c "{program}"'
    eventually(lambda: accounts.hosts[CLIENT].run(asked).stdout.strip() == "16777216", 30, "the quota is smaller")
    for number in range(20):
        done = accounts.as_user(
            account, f"head -c 16M /dev/zero >{home(account)}/{number} && sync {home(account)}/{number}"
        )
        if done.rc != 0:
            break
    assert "Disk quota exceeded" in done.stderr
    assert accounts.as_user(account, f"wc -c <{home(account)}/0").stdout.strip() == str(16 << 20)
    name = f"accounts {account['number']} (alice)"
    eventually(lambda: name in json.loads(accounts.identity("report"))["nearly_full"], 30, "it is reported")
    assert accounts.as_user(account, f"rm {home(account)}/*").rc == 0


def test_who_leaves_cannot_log_in_and_comes_back_to_the_same_home(accounts: Accounts) -> None:
    account = accounts.login("leaver")
    assert accounts.as_user(account, f"echo thesis >{home(account)}/file").rc == 0
    accounts.identity("leave", account["number"])
    accounts.becomes(account["number"], "archived")
    assert accounts.hosts[CLIENT].run(f"ls {home(account)}").rc != 0
    assert "Permission denied" in accounts.as_user(account, "ls /shared/homes/archive").stderr
    with pytest.raises(AssertionError, match="has left"):
        accounts.login("leaver")
    accounts.identity("return", account["number"])
    assert accounts.login("leaver")["number"] == account["number"]
    assert accounts.as_user(account, f"cat {home(account)}/file").stdout == "thesis\n"


def test_an_archived_home_is_removed_when_its_time_is_over_and_its_number_is_nobody_elses(accounts: Accounts) -> None:
    account = accounts.login("gone")
    assert accounts.as_user(account, f"mkdir -p {home(account)}/a/b && echo x >{home(account)}/a/b/file").rc == 0
    accounts.identity("leave", account["number"])
    accounts.becomes(account["number"], "archived")
    accounts.sql(f"UPDATE identity.account SET left_at = now() - interval '91 days' WHERE number = {account['number']}")
    accounts.becomes(account["number"], "removed")
    assert accounts.hosts[CLIENT].run(f"ls /shared/homes/archive/{account['number']}").rc != 0
    assert accounts.login("next")["number"] > account["number"]


def test_logins_at_the_same_time_give_each_account_one_number(accounts: Accounts) -> None:
    statements = "\n".join(
        accounts.asked(f"many-{number}", teams=("many", f"some-{number % 3}")) for number in range(20)
    )
    with ThreadPoolExecutor(4) as pool:
        answers = [line for said in pool.map(accounts.sql, [statements] * 4) for line in said.splitlines()]
    numbers = {(one["subject"], one["number"]) for one in map(json.loads, answers)}
    assert (len(answers), len(numbers), len({number for _, number in numbers})) == (80, 20, 20)


def test_one_host_that_is_left_makes_the_folders(accounts: Accounts) -> None:
    others = [accounts.hosts[server] for server in SERVERS[1:]]
    for host in others:
        host.check_output("systemctl stop identity")
    try:
        accounts.login("alone")
    finally:
        for host in others:
            host.check_output("systemctl start identity")


def test_one_that_hangs_is_begun_anew(accounts: Accounts) -> None:
    """As in a call of Ceph's client that never returns."""
    host = accounts.hosts[SERVERS[0]]
    asked = "systemctl show --property {} --value identity"
    before = host.check_output(asked.format("NRestarts"))
    host.check_output(f"kill -STOP $({asked.format('MainPID')})")
    eventually(lambda: host.check_output(asked.format("NRestarts")) != before, 100, "the watchdog has killed it")
    eventually(lambda: host.run("systemctl is-active --quiet identity").rc == 0, 30, "it serves again")
    accounts.login("afterwards")


def test_accounts_of_a_site_keep_their_numbers(accounts: Accounts) -> None:
    host = accounts.hosts[SERVERS[0]]
    taken = accounts.login("taken")["number"]
    lines = [f"{ISSUER},{accounts.mark}-import,carol,{taken + 1000}", f"{ISSUER},{accounts.mark}-wrong,dave,{taken}"]
    program = "cat >/run/accounts.csv; identity import /run/accounts.csv; code=$?; rm /run/accounts.csv; exit $code"
    for text, code, said in (
        (lines, 1, f"dave is to have the number {taken}"),
        (lines[:1], 0, "1 accounts are new"),
        (lines[:1], 0, "0 accounts are new"),
    ):
        content = "\n".join(["issuer,subject,name,number", *text])
        done = host.run(f"echo '{content}' | sh -c '{program}'")
        assert (done.rc, said in done.stdout + done.stderr) == (code, True), done
    assert accounts.login("import", name="carol")["number"] == taken + 1000


def test_a_service_that_lets_users_log_in_does_no_more(accounts: Accounts) -> None:
    for statement in (
        "SELECT * FROM identity.account",
        "UPDATE identity.account SET number = 0",
        "DROP SCHEMA identity",
    ):
        with pytest.raises(AssertionError, match=r"permission denied|must be owner"):
            accounts.sql(f"SET ROLE identity_client; {statement}")


def test_its_key_of_ceph_reads_no_file(accounts: Accounts) -> None:
    host = accounts.hosts[SERVERS[0]]
    done = host.run("rados --name client.identity --keyring /etc/identity/keyring --pool lab_data --namespace homes ls")
    assert done.rc != 0 and "not permitted" in done.stderr
