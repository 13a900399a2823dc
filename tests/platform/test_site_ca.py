"""The site's certificate authority, made on the controller as the layers that need it will have it made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ansible_runner
import pytest

from tests.platform.site import ENVIRONMENT, Run
from tests.support import ROOT, checked

PLAY = [{"hosts": "localhost", "gather_facts": False, "roles": [{"role": "ai_infn.platform.site_ca"}]}]
PASSPHRASE = "kept in the vault"


def apply(site: Path, *words: str, **options: Any) -> Run:
    """Apply the role for a site whose state is in this folder."""
    runner = ansible_runner.run(
        private_data_dir=str(site),
        project_dir=str(ROOT),
        playbook=PLAY,
        inventory="localhost ansible_connection=local",
        cmdline=" ".join(words),
        extravars={"site_name": "trial", "site_state_dir": str(site / "state"), **options},
        envvars=ENVIRONMENT,
        quiet=True,
    )
    return Run(runner.rc, list(runner.events), runner.stdout.read())


def openssl(*words: str | Path) -> str:
    return checked(["openssl", *words])


@pytest.fixture
def pki(tmp_path: Path) -> Path:
    """The folder of an authority that was just made."""
    assert apply(tmp_path).assert_ok().changed
    return tmp_path / "state" / "pki"


def test_check_mode_on_a_new_site_says_what_would_be_made_and_makes_nothing(tmp_path: Path) -> None:
    assert apply(tmp_path, "--check", "--diff").assert_ok().changed
    assert not (tmp_path / "state").exists()


def test_it_is_made_once_and_its_key_is_its_owners(pki: Path) -> None:
    before = (pki / "ca.key").read_bytes(), (pki / "ca.crt").read_bytes()
    site = pki.parent.parent
    apply(site).assert_unchanged()
    apply(site, "--check").assert_unchanged()
    assert ((pki / "ca.key").read_bytes(), (pki / "ca.crt").read_bytes()) == before
    modes = {path.name: oct(path.stat().st_mode & 0o777) for path in (pki, *pki.iterdir())}
    assert modes == {"pki": "0o700", "ca.key": "0o600", "ca.crt": "0o644", "trusted.crt": "0o644"}


def test_what_it_issues_is_trusted_and_it_makes_no_second_authority(pki: Path, tmp_path: Path) -> None:
    issue(tmp_path, "service", by=pki / "ca")
    verify: list[str | Path] = ["verify", "-x509_strict", "-CAfile", pki / "ca.crt"]
    assert openssl(*verify, tmp_path / "service.crt").strip().endswith(": OK")
    told = openssl("x509", "-in", pki / "ca.crt", "-noout", "-subject", "-ext", "basicConstraints,keyUsage")
    for words in ("trial site authority", "CA:TRUE, pathlen:1", "Certificate Sign, CRL Sign"):
        assert words in told

    issue(tmp_path, "other", "-addext", "basicConstraints=critical,CA:TRUE", by=None)
    issue(tmp_path, "foreign", by=tmp_path / "other")
    with pytest.raises(AssertionError, match="unable to get local issuer certificate"):
        openssl(*verify, tmp_path / "foreign.crt")


def issue(folder: Path, name: str, *words: str, by: Path | None) -> None:
    """Make a key and its certificate, issued by an authority, or by itself."""
    signer: list[str | Path] = (
        ["-CA", f"{by}.crt", "-CAkey", f"{by}.key", "-addext", "basicConstraints=critical,CA:FALSE"] if by else []
    )
    pair: list[str | Path] = ["-keyout", folder / f"{name}.key", "-out", folder / f"{name}.crt"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    openssl("req", "-x509", *key, "-subj", f"/CN={name}", *signer, *words, *pair)


def test_a_passphrase_protects_the_key_and_is_told_to_nobody(tmp_path: Path) -> None:
    run = apply(tmp_path, "--diff", site_ca_passphrase=PASSPHRASE).assert_ok()
    key = tmp_path / "state" / "pki" / "ca.key"
    assert "ENCRYPTED" in key.read_text(encoding="utf-8")
    openssl("pkey", "-in", key, "-passin", f"pass:{PASSPHRASE}", "-noout")
    again = apply(tmp_path, "--diff", site_ca_passphrase=PASSPHRASE).assert_unchanged()
    assert PASSPHRASE not in run.output + again.output
    assert PASSPHRASE not in str(run.events)
