"""Canaille with a database and a certificate of its own, in a folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from pathlib import Path

from lab import python_environment, settings
from lab.commands import run
from lab.machine.processes import wait_for

LOCK = Path(__file__).with_name("requirements.lock")
SETTINGS = """
SECRET_KEY = "{secret}"
SERVER_NAME = "{name}"
PREFERRED_URL_SCHEME = "https"
[CANAILLE]
DATABASE = "sql"
[CANAILLE_SQL]
DATABASE_URI = "sqlite:///{folder}/canaille.sqlite"
[CANAILLE_OIDC]
DYNAMIC_CLIENT_REGISTRATION_OPEN = true
[CANAILLE_SCIM]
[CANAILLE_HYPERCORN]
"""
READY_S = 60.0


class ProviderError(RuntimeError):
    """The provider does not do what it was told; the text says what it said."""


class Canaille:
    """An OpenID provider at an address of this machine, over TLS."""

    def __init__(self, folder: Path, address: str, port: int) -> None:
        self._folder = folder
        self._name = f"{address}:{port}"
        self._address = address
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def issuer(self) -> str:
        """How it calls itself."""
        return f"https://{self._name}"

    @property
    def authority(self) -> Path:
        """The certificate by which it is believed."""
        return self._folder / "authority.crt"

    @property
    def log(self) -> Path:
        """What it says."""
        return self._folder / "log"

    def install(self) -> None:
        """Have its programs, an empty database and a certificate. Raises CommandError."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = SETTINGS.format(secret=secrets.token_hex(32), name=self._name, folder=self._folder)
        self._settings.write_text(text, encoding="utf-8")
        self._settings.chmod(0o600)
        about = ["-subj", "/CN=lab", "-addext", f"subjectAltName=IP:{self._address}", "-days", "30"]
        files = ["-keyout", str(self._key), "-out", str(self.authority)]
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *about, *files])
        run([self._program, "install"], environment=self._environment, timeout=120)

    def start(self) -> None:
        """Let it run until ``stop``. Raises ProviderError where it does not serve in time."""
        certificate = ["--certfile", str(self.authority), "--keyfile", str(self._key)]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._program), "run", "--bind", self._name, *certificate],
                env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        if not wait_for(self._serves, READY_S, 0.2):
            self.stop()
            raise ProviderError(f"canaille does not serve at {self.issuer}:\n{self.log.read_text()[-2000:]}")

    def have_user(self, name: str) -> None:
        """Have a user of a name. Raises CommandError."""
        about = ["--user-name", name, "--family-name", name, "--emails", f"{name}@lab.example"]
        run([self._program, "create", "user", "--quiet", *about], environment=self._environment)

    def stop(self) -> None:
        """End it."""
        if self._process:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    @property
    def _key(self) -> Path:
        return self._folder / "key"

    @property
    def _settings(self) -> Path:
        return self._folder / "canaille.toml"

    @property
    def _program(self) -> Path:
        key = hashlib.sha256(LOCK.read_bytes()).hexdigest()[:16]
        return python_environment.ensure(settings.CACHE / "iam" / f"venv-{key}", LOCK) / "bin" / "canaille"

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CANAILLE_CONFIG": str(self._settings), settings.PROCESS_MARK: "1"}

    def _serves(self) -> bool:
        address = f"{self.issuer}/.well-known/openid-configuration"
        command = ["curl", "--silent", "--fail", "--cacert", str(self.authority), address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
