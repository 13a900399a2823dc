"""Canaille with a database and a certificate of its own, in a folder."""

from __future__ import annotations

import hashlib
import os
import secrets
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lab import python_environment, settings
from lab.commands import run
from lab.machine.processes import wait_for

LOCK = Path(__file__).with_name("requirements.lock")
# A subject is no name: who comes after another of that name is somebody else.
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
REQUIRE_NONCE = false
ACTIVE_JWKS = ['''{key}''']
[CANAILLE_OIDC.USERINFO_MAPPING]
SUB = "{{{{ user.id }}}}"
PREFERRED_USERNAME = "{{{{ user.user_name }}}}"
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
        key = run(["openssl", "genrsa", "-traditional", "2048"])
        text = SETTINGS.format(secret=secrets.token_hex(32), name=self._name, folder=self._folder, key=key)
        self._settings.write_text(text, encoding="utf-8")
        self._settings.chmod(0o600)
        about = ["-subj", "/CN=lab", "-addext", f"subjectAltName=IP:{self._address}", "-days", "30"]
        files = ["-keyout", str(self._key), "-out", str(self.authority)]
        run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *about, *files])
        run([self._program, "install"], environment=self.environment, timeout=120)

    @property
    def command(self) -> list[str]:
        """What serves it."""
        certificate = ["--certfile", str(self.authority), "--keyfile", str(self._key)]
        return [str(self._program), "run", "--bind", self._name, *certificate]

    @property
    def environment(self) -> dict[str, str]:
        """In which its command runs."""
        return {**os.environ, "CANAILLE_CONFIG": str(self._settings), settings.PROCESS_MARK: "1"}

    def start(self) -> None:
        """Let it run until ``stop``. Raises ProviderError where it does not serve in time."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if not wait_for(self.serves, READY_S, 0.2):
            self.stop()
            raise ProviderError(f"canaille does not serve at {self.issuer}:\n{self.log.read_text()[-2000:]}")

    def have_user(self, name: str, password: str = "") -> None:
        """Have a user of a name. Raises CommandError."""
        about = ["--user-name", name, "--family-name", name, "--emails", f"{name}@lab.example"]
        words = ["--password", password] if password else []
        run([self._program, "create", "user", "--quiet", *about, *words], environment=self.environment)

    def have_group(self, name: str, members: Sequence[str]) -> None:
        """Have a group with these users in it, which it needs one of. Raises CommandError."""
        words = [word for one in members for word in ("--members", one)]
        run([self._program, "create", "group", "--quiet", "--display-name", name, *words], environment=self.environment)

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

    def serves(self) -> bool:
        """Whether it answers."""
        address = f"{self.issuer}/.well-known/openid-configuration"
        command = ["curl", "--silent", "--fail", "--cacert", str(self.authority), address]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
