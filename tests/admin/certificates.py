"""A certificate authority for one test, with a server's and a client's certificate of it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from switch.config import AdminTlsSettings


class Authority:
    """Makes certificates in a folder: ``server.pem``, ``client.pem`` with keys beside them, and its own ``ca.pem``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("test authority")
        made = self._builder("test authority", self._key).add_extension(
            x509.BasicConstraints(ca=True, path_length=0), critical=True
        )
        self._write("ca.pem", made.sign(self._key, hashes.SHA256()))

    def settings(self) -> AdminTlsSettings:
        self._issue("server")
        return AdminTlsSettings(
            certificate=self._folder / "server.pem",
            private_key=self._folder / "server.key",
            client_ca=self._folder / "ca.pem",
        )

    def client(self) -> tuple[ssl.SSLContext, str]:
        """Return a client's side of TLS that shows a certificate, and the certificate's SHA-256."""
        fingerprint = self._issue("client")
        context = self.stranger()
        context.load_cert_chain(self._folder / "client.pem", self._folder / "client.key")
        return context, fingerprint

    def stranger(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self._folder / "ca.pem"))

    def _issue(self, name: str) -> str:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))])
        made = self._builder(name, key).add_extension(names, critical=False).sign(self._key, hashes.SHA256())
        self._write(f"{name}.pem", made)
        pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
        (self._folder / f"{name}.key").write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
        return made.fingerprint(hashes.SHA256()).hex()

    def _builder(self, name: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(_name(name))
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + timedelta(days=1))
        )

    def _write(self, name: str, made: x509.Certificate) -> None:
        (self._folder / name).write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
