"""TLS: whose certificate is trusted, and that a context is made once."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from leadagent_prefect.agents.http_options import HttpOptions
from leadagent_prefect.agents.policy import network_policy
from leadagent_prefect.errors import ConnectionFailed


@pytest.fixture(scope="module")
def certificate(tmp_path_factory) -> Path:
    """A certificate for localhost and 127.0.0.1, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    now = datetime.now(timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("tls") / "service.pem"
    path.write_bytes(made.public_bytes(pem) + secret)
    return path


@pytest.fixture
async def tls_service(service, certificate) -> AsyncIterator[Any]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = type(service)()
    await server.start(context)
    yield server
    await server.stop()


async def test_an_untrusted_certificate_is_a_connection_error_that_names_the_remedy(tls_service, ask):
    with pytest.raises(ConnectionFailed, match=r"custom_params\.verify takes the path of a CA bundle"):
        await ask(tls_service.url)
    assert tls_service.requests == []


async def test_verify_takes_a_ca_bundle(tls_service, ask, certificate):
    assert (await ask(tls_service.url, custom_params={"verify": str(certificate)})).success


async def test_verify_takes_a_folder_of_certificates(tls_service, ask, tmp_path):
    with pytest.raises(ConnectionFailed, match="CERTIFICATE_VERIFY_FAILED"):
        await ask(tls_service.url, custom_params={"verify": str(tmp_path)})


async def test_verify_false_trusts_anyone(tls_service, ask):
    assert (await ask(tls_service.url, custom_params={"verify": False})).success


async def test_under_a_policy_the_certificate_is_checked_for_the_name_and_not_the_address(
    tls_service, ask, certificate
):
    class All:
        def allows(self, host: str, address: object, port: int) -> bool:
            return True

    network_policy.set(All())
    url = tls_service.url.replace("127.0.0.1", "localhost")
    assert (await ask(url, custom_params={"verify": str(certificate)})).success


def test_a_context_is_made_once_for_all_agents():
    assert HttpOptions({}).ssl_context() is HttpOptions({}).ssl_context()
