"""A server that answers as S3, STS and the service that hands out a container's credentials do, over HTTPS."""

from __future__ import annotations

import datetime
import ipaddress
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

HOST = "127.0.0.1"
CREDENTIALS_PATH = "/credentials"


@contextmanager
def https_s3(folder: Path) -> Iterator[str]:
    """Run the server; give its URL. `folder` gets its certificate, ``certificate.pem``."""
    key, certificate = make_certificate(folder)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server(HOST, 0, application, threaded=True, ssl_context=(str(certificate), str(key)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://{HOST}:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def credentials_service() -> Iterator[str]:
    """Run a service that hands out credentials, as a container's environment names one; give its URL."""

    def application(environment: dict[str, Any], start: Callable[..., Any]) -> list[bytes]:
        expires = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
        start("200 OK", [("Content-Type", "application/json")])
        names = {"AccessKeyId": "key", "SecretAccessKey": "secret", "Token": "token"}
        return [json.dumps({**names, "Expiration": expires.strftime("%Y-%m-%dT%H:%M:%SZ")}).encode()]

    server = make_server(HOST, 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.port}{CREDENTIALS_PATH}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a key and a certificate for this host that is its own authority; return their paths."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file
