"""TLS between the machines of one installation: whoever has its keys is one of them, nobody else can say a word.

I/O-free but for the short files that `ssl` wants its certificates in. Both ends prove that they hold the installation's
node token: it makes the private key of an authority that signs nothing but the certificate that each process makes for
itself when it begins. So there is no certificate to order, to renew or to let expire, and no second secret to guard: a
machine that could read the token can read the journal's keys as well. TLS 1.3 alone, so that what was recorded can't be read
with a token that leaks later. A new token (on all machines) shuts out whoever has the old one.
"""

from __future__ import annotations

import datetime
import os
import ssl
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NAME = "control.guiju.internal"
"""Whom a gateway wants to speak to, whatever the address."""
_AUTHORITY = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "guiju installation")])
_FROM, _UNTIL = datetime.datetime(2020, 1, 1), datetime.datetime(2120, 1, 1)  # noqa: DTZ001 — UTC, as X.509 has it
"""No clock has a say in who belongs to the installation: the token has."""
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""Of P-256 (SEC 2, 2.4.2)."""
_USAGE = {"control": ExtendedKeyUsageOID.SERVER_AUTH, "node": ExtendedKeyUsageOID.CLIENT_AUTH}


def context(token: str, part: Literal["control", "node"]) -> ssl.SSLContext:
    """What control listens with, or what a node asks with.

    Args:
        token: `Keyring.node_token`.
    """
    authority = _authority(token)
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if part == "control" else ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=_pem(_signed(_AUTHORITY, authority.public_key(), authority, part=None)).decode())
    own = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, part)])
    private = own.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with TemporaryDirectory() as folder:
        file = Path(folder) / "own.pem"
        fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(fd, "wb") as out:
            out.write(private + _pem(_signed(name, own.public_key(), authority, part=part)))
        made.load_cert_chain(file)
    return made


def _authority(token: str) -> ec.EllipticCurvePrivateKey:
    # 48 bytes: taken modulo the order they are as good as uniform (FIPS 186-5, A.2.1).
    wide = HKDF(hashes.SHA256(), 48, salt=None, info=b"guiju: authority between machines").derive(token.encode())
    return ec.derive_private_key(int.from_bytes(wide, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def _signed(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, authority: ec.EllipticCurvePrivateKey, *, part: str | None
) -> x509.Certificate:
    """A certificate for a part; for the authority itself where there is none."""
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(_AUTHORITY)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=part is None, path_length=0 if part is None else None), critical=True)
    )
    if part is not None:
        made = made.add_extension(x509.ExtendedKeyUsage([_USAGE[part]]), critical=False)
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
    return made.sign(authority, hashes.SHA256())


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
