"""TLS of the gateway's own port: the certificate files, read when a worker starts.

I/O: reads files. One that can't be used is refused with what is wrong; in a reload (cli/workers.py) the workers before go on
with the one that they have.
"""

from __future__ import annotations

import logging
import ssl
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from guiju import clock
from guiju.config import Config
from guiju.errors import Said, SettingError
from guiju.quoted import quoted

_log = logging.getLogger("guiju.gateway")
CERT, KEY, CLIENT_CA = "gateway.tls_cert", "gateway.tls_key", "gateway.tls_client_ca"


def tls_of(config: Config) -> ssl.SSLContext | None:
    """The gateway's TLS; None where it speaks plain HTTP. Raises: SettingError."""
    if config[CERT]:
        return context_of(config)
    for name in (KEY, CLIENT_CA):
        if config[name]:
            raise SettingError(
                name=name,
                problem=Said("means nothing without a certificate", "没有证书，这一项不起作用"),
                remedy=Said("Set {cert} too, or leave it out", "请同时设置 {cert}，或去掉这一项", cert=CERT),
            )
    return None


def context_of(config: Config) -> ssl.SSLContext:
    """TLS 1.2 or later with the certificate of the settings. Raises: SettingError."""
    cert, key, client_ca = (str(config[name]) for name in (CERT, KEY, CLIENT_CA))
    leaf = _certificates(CERT, cert)[0]
    private = _private(KEY if key else CERT, key or cert)
    if _public(leaf) != _public(private):
        raise _wrong(
            KEY if key else CERT,
            key or cert,
            Said("is not the key of the first certificate in {cert}", "不是 {cert} 中首个证书的私钥", cert=cert),
        )
    now = clock.epoch_ms() / 1000
    if not leaf.not_valid_before_utc.timestamp() <= now <= leaf.not_valid_after_utc.timestamp():
        _log.error("tls=untimely certificate=%s until=%s: clients will refuse it", cert, leaf.not_valid_after_utc)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(cert, key or None)
    except (ssl.SSLError, OSError) as problem:
        raise _wrong(CERT, cert, quoted(problem)) from None
    if client_ca:
        _certificates(CLIENT_CA, client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
        try:
            context.load_verify_locations(client_ca)
        except (ssl.SSLError, OSError) as problem:
            raise _wrong(CLIENT_CA, client_ca, quoted(problem)) from None
    return context


def _certificates(name: str, file: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(_read(name, file))
    except ValueError:
        raise _wrong(name, file, Said("holds no certificate in PEM form", "其中没有 PEM 格式的证书")) from None


def _private(name: str, file: str) -> Any:
    try:
        return load_pem_private_key(_read(name, file), None)
    except TypeError:
        locked = Said("is locked by a passphrase, which nobody could type here", "有口令保护，而此处无人能输入口令")
        raise _wrong(name, file, locked) from None
    except ValueError:
        raise _wrong(name, file, Said("holds no private key in PEM form", "其中没有 PEM 格式的私钥")) from None


def _public(of: Any) -> bytes:
    key: bytes = of.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return key


def _read(name: str, file: str) -> bytes:
    try:
        return Path(file).read_bytes()
    except OSError as problem:
        raise _wrong(name, file, quoted(problem)) from None


def _wrong(name: str, file: str, problem: object) -> SettingError:
    return SettingError(
        name=name,
        problem=Said("{file}: {problem}", "{file}：{problem}", file=file, problem=problem),
        remedy=Said(
            "Name PEM files that this user can read: the chain, and its key without a passphrase",
            "请指定当前用户可读的 PEM 文件：证书链，及其不带口令的私钥",
        ),
    )
