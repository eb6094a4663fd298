"""A switch with the demo's books in a folder, its admin address on HTTPS, everything on free ports of this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final, NamedTuple, TextIO

import trio
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from switch.app import Running, run
from switch.cli.setup import SETTINGS_FILE, install, settings_text
from switch.config import Address, AdminSettings, AdminTlsSettings, Settings, load_settings
from switch.tools.demo import load_data
from switch.tools.demo_keys import load_demo_keys

_HOST: Final = "127.0.0.1"
_CERTIFICATE_DAYS: Final = 90


class Installation(NamedTuple):
    """A switch that runs: its settings, its addresses, and the certificate of its admin address."""

    settings: Settings
    running: Running
    certificate: Path

    @property
    def admin(self) -> str:
        return "{}:{}".format(*self.running.admin)


def installed(folder: Path) -> Settings:
    """Make a demo's installation in ``folder``; blocks."""
    install(folder, settings_text("sqlite:///switch.sqlite3", port_base=1, sign_on="optional"))
    settings = load_settings(folder / SETTINGS_FILE)
    certificate, key = _certificate(folder)
    admin = AdminSettings(bind=Address(_HOST, 0), tls=AdminTlsSettings(certificate=certificate, private_key=key))
    listeners = tuple(each.model_copy(update={"bind": Address(_HOST, 0)}) for each in settings.listeners)
    log = settings.log.model_copy(update={"level": "error"})
    settings = settings.model_copy(update={"listeners": listeners, "admin": admin, "log": log})
    load_data(settings)
    load_demo_keys(settings)
    return settings


@asynccontextmanager
async def serving(settings: Settings, log: TextIO) -> AsyncIterator[Installation]:
    """Serve an installation while the block runs."""
    assert settings.admin.tls is not None
    async with trio.open_nursery() as nursery:
        running = await nursery.start(lambda task_status: run(settings, log=log, apart=True, task_status=task_status))
        yield Installation(settings, running, settings.admin.tls.certificate)
        running.drain()
        await running.ended.wait()
        nursery.cancel_scope.cancel()


def _certificate(folder: Path) -> tuple[Path, Path]:
    """Make a key and a certificate that speaks for this machine's own address; both as PEM files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "switch demo")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=_CERTIFICATE_DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address(_HOST))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "admin.pem", folder / "admin.key"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    files[1].chmod(0o600)
    return files
