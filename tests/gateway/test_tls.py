"""The certificate files: what is wrong with one is said of that file, and a later reading that fails changes nothing."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from certificates import Authority
from guiju.config import Config, load
from guiju.errors import SettingError
from guiju.gateway.tls import context_of, tls_of


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def settings(home: Path, cert: object = "", key: object = "", client_ca: object = "") -> Config:
    names = {"TLS_CERT": cert, "TLS_KEY": key, "TLS_CLIENT_CA": client_ca}
    return load({"GUIJU_HOME": str(home)} | {f"GUIJU_GATEWAY_{name}": str(value) for name, value in names.items()})


def wrong(home: Path, *files: object) -> str:
    with pytest.raises(SettingError) as caught:
        tls_of(settings(home, *files))
    assert caught.value.sentence("zh") != str(caught.value)
    return str(caught.value)


def test_no_certificate_is_plain_http(tmp_path: Path):
    assert tls_of(settings(tmp_path)) is None
    assert "gateway.tls_key: means nothing without a certificate" in wrong(tmp_path, "", "x.key")
    assert "gateway.tls_client_ca: means nothing without a certificate" in wrong(tmp_path, "", "", "ca.pem")


def test_the_key_may_stand_in_the_certificates_file(tmp_path: Path, authority: Authority):
    cert, key = authority.sign("one")
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + cert.read_bytes())
    assert context_of(settings(tmp_path, both)).minimum_version is ssl.TLSVersion.TLSv1_2
    assert f"gateway.tls_cert: {cert}: holds no private key" in wrong(tmp_path, cert)


def test_what_is_wrong_is_said_of_the_file(tmp_path: Path, authority: Authority):
    cert, key = authority.sign("one")
    _, other = authority.sign("two")
    _, locked = authority.sign("three", passphrase=b"secret")
    (tmp_path / "empty").write_bytes(b"")
    gone, empty = tmp_path / "gone", tmp_path / "empty"
    assert f"gateway.tls_cert: {gone}: No such file" in wrong(tmp_path, gone, key)
    assert f"gateway.tls_key: {gone}: No such file" in wrong(tmp_path, cert, gone)
    assert f"gateway.tls_cert: {empty}: holds no certificate" in wrong(tmp_path, empty, key)
    assert f"gateway.tls_cert: {key}: holds no certificate" in wrong(tmp_path, key, cert)
    assert f"gateway.tls_key: {cert}: holds no private key" in wrong(tmp_path, cert, cert)
    assert f"gateway.tls_key: {other}: is not the key of the first certificate in {cert}" in wrong(
        tmp_path, cert, other
    )
    assert f"gateway.tls_key: {locked}: is locked by a passphrase" in wrong(tmp_path, cert, locked)
    assert f"gateway.tls_client_ca: {empty}: holds no certificate" in wrong(tmp_path, cert, key, empty)


def test_a_certificate_that_has_ended_is_told_in_the_log(
    tmp_path: Path, authority: Authority, caplog: pytest.LogCaptureFixture
):
    context_of(settings(tmp_path, *authority.sign("one", days=1)))
    assert "untimely" not in caplog.text
    context_of(settings(tmp_path, *authority.sign("one", days=-1)))
    assert "tls=untimely" in caplog.text
