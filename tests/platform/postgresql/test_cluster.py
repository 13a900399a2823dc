"""The PostgreSQL cluster as declared: confirmed, encrypted, and changed by nothing but a changed declaration."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from lab import fabric
from lab.chaos.cluster import ChaosError, Cluster
from lab.chaos.rounds import WELL
from tests.platform.postgresql.clients import MARKS, ask, assert_unchanged, changed

pytestmark = MARKS


def test_check_mode_on_hosts_with_nothing_on_them_does_not_fail(checked: str) -> None:
    assert all(number > 0 for number in changed(checked).values()), checked[-2000:]


def test_one_server_leads_and_the_others_confirm_its_commits(cluster: Cluster) -> None:
    cluster.wait_until_well(30)
    leader = cluster.leader()
    rows = cluster.sql(leader, "SELECT application_name, state, sync_state FROM pg_stat_replication ORDER BY 1")
    standbys = sorted(set(cluster.hosts) - {leader})
    term = cluster.status(leader)["term"]
    assert rows.splitlines() == [f"{host}@{term}|streaming|quorum" for host in standbys]


def test_a_second_run_changes_nothing_and_shows_nothing(cluster: Cluster) -> None:
    assert_unchanged(cluster.configure("--check", "--diff"))
    assert_unchanged(cluster.configure())


def test_every_connection_is_encrypted_and_a_plain_one_is_refused(cluster: Cluster, tmp_path: Path) -> None:
    leader = cluster.leader()
    plain = (
        "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE NOT ssl AND client_addr IS NOT NULL"
    )
    assert cluster.sql(leader, plain) == "0"
    senders = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_replication USING (pid) WHERE version = 'TLSv1.3'"
    assert cluster.sql(leader, senders) == "2"
    own = "SELECT ssl, version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert ask(cluster, own) == "rows True TLSv1.3"
    assert "no encryption" in ask(cluster, own, sslmode="disable")
    assert "password authentication failed" in ask(cluster, own, password="wrong")
    other = tmp_path / "other.crt"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout", "/dev/null"]
    subprocess.run([*command, "-out", str(other)], check=True, capture_output=True)
    assert "certificate verify failed" in ask(cluster, own, sslrootcert=str(other))


def test_a_server_of_another_major_version_is_not_touched(cluster: Cluster) -> None:
    host, settings = cluster.hosts[1], "/etc/postgresql-failover/settings.json"
    cluster.run(host, "sed", "-i", "s:/postgresql/17/:/postgresql/15/:", settings)
    with pytest.raises(ChaosError, match=f"{host} has PostgreSQL 15, the inventory wants 17"):
        cluster.playbook("preflight_hosts")
    cluster.configure()
    cluster.wait_until_well(WELL)


def serial(cluster: Cluster, host: str) -> str:
    """The serial number of the certificate that a host's server shows."""
    address = f"{cluster.addresses[host]}:5432"
    command = [*fabric.INSIDE, "openssl", "s_client", "-starttls", "postgres", "-connect", address]
    shown = subprocess.run(command, input="", capture_output=True, text=True, check=True, timeout=20).stdout
    read = ["openssl", "x509", "-noout", "-serial"]
    return subprocess.run(read, input=shown, capture_output=True, text=True, check=True).stdout.strip()


def test_certificates_are_renewed_under_a_cluster_that_goes_on(cluster: Cluster) -> None:
    leader, before = cluster.leader(), {host: serial(cluster, host) for host in cluster.hosts}
    cluster.configure("-e", "host_certificate_renewal_days=400")
    after = {host: serial(cluster, host) for host in cluster.hosts}
    assert all(after[host] != before[host] for host in cluster.hosts), (before, after)
    assert cluster.leader() == leader
    cluster.wait_until_well(30)
    assert_unchanged(cluster.configure())


def test_who_has_no_certificate_of_a_member_does_not_replicate(cluster: Cluster) -> None:
    answer = ask(cluster, "SELECT 1", user="replication", dbname="postgres")
    assert answer.startswith("refused"), answer


CERTIFICATE = "/etc/ai-infn/pki/host.crt"


def expired(cluster: Cluster, certificate: str) -> str:
    """The same certificate by the same authority, but for its end, which was yesterday."""
    old = x509.load_pem_x509_certificate(certificate.encode())
    issuer = x509.load_pem_x509_certificate(cluster.authority.read_bytes())
    key = serialization.load_pem_private_key(cluster.authority.with_name("ca.key").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    now = datetime.datetime.now(datetime.UTC)
    new = x509.CertificateBuilder(issuer.subject, old.subject, old.public_key(), x509.random_serial_number())
    new = new.not_valid_before(now - datetime.timedelta(days=9)).not_valid_after(now - datetime.timedelta(days=1))
    for extension in old.extensions:
        new = new.add_extension(extension.value, extension.critical)
    return new.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def test_an_expired_certificate_is_refused_whoever_has_it(cluster: Cluster, tmp_path: Path) -> None:
    host = next(host for host in cluster.hosts if host != cluster.leader())
    good = cluster.run(host, "cat", CERTIFICATE)
    (tmp_path / "good.crt").write_text(good)
    (tmp_path / "expired.crt").write_text(expired(cluster, good))
    (tmp_path / "host.key").write_text(cluster.run(host, "cat", "/etc/ai-infn/pki/host.key"))
    (tmp_path / "host.key").chmod(0o600)
    own = {"user": "replication", "sslkey": str(tmp_path / "host.key")}
    # The test's address is no member's.
    assert "pg_hba.conf rejects" in ask(cluster, "SELECT 1", sslcert=str(tmp_path / "good.crt"), **own)
    assert "expired" in ask(cluster, "SELECT 1", sslcert=str(tmp_path / "expired.crt"), **own)

    only = {"host": host, "hostaddr": cluster.addresses[host], "target_session_attrs": "any"}
    assert ask(cluster, "SELECT 1", **only) == "rows 1"
    put = "cat >{} <<'END'\n{}END\nsystemctl reload postgresql-cluster"
    cluster.run(host, "sh", "-c", put.format(CERTIFICATE, expired(cluster, good)))
    try:
        answer = ask(cluster, "SELECT 1", **only)
    finally:
        cluster.run(host, "sh", "-c", put.format(CERTIFICATE, good))
    assert "certificate verify failed" in answer
    assert ask(cluster, "SELECT 1", **only) == "rows 1"
