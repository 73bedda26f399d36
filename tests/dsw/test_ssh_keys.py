"""Public keys as people paste them, held against the real `ssh-keygen`."""

from __future__ import annotations

import base64
import struct
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from dsw.errors import Invalid
from dsw.ssh import KEY_TYPES, RSA_MIN_BITS, public_key


def blob(*fields: bytes) -> bytes:
    """Length-prefixed strings, as a key is made of them."""
    return b"".join(struct.pack(">I", len(field)) + field for field in fields)


def line(kind: str, *fields: bytes, named: str | None = None) -> str:
    """A line whose blob says that it is of this kind, or of another."""
    content = blob((kind if named is None else named).encode(), *fields)
    return f"{kind} {base64.b64encode(content).decode()}"


def mpint(number: int) -> bytes:
    """A positive number in its shortest form."""
    return number.to_bytes(number.bit_length() // 8 + 1, "big")


POINT = ec.generate_private_key(ec.SECP256R1()).public_key()
ON_256 = POINT.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
COMPRESSED = POINT.public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
ED = line("ssh-ed25519", bytes(range(32)))
SK_ED, SK_EC = "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"
MODULUS = rsa.generate_private_key(65537, 2048).public_key().public_numbers().n


def made(kind: str, folder: Path, *options: str) -> Path:
    """The public file of a new key pair."""
    file = folder / "key"
    named = ["-N", "", "-C", "ada@laptop", "-f", str(file)]
    command = ["ssh-keygen", "-q", "-t", kind, *options, *named]
    subprocess.run(command, check=True, timeout=60)
    return file.with_suffix(".pub")


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("ed25519", ()),
        ("ecdsa", ("-b", "256")),
        ("ecdsa", ("-b", "384")),
        ("ecdsa", ("-b", "521")),
        ("rsa", ("-b", "2048")),
        ("rsa", ("-b", "3072")),
    ],
)
def test_keys_of_the_real_program_are_read_with_its_fingerprint(
    kind: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    file = made(kind, tmp_path, *options)
    key = public_key(file.read_text())
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", file], check=True, capture_output=True, text=True, timeout=60
    )
    assert key.fingerprint == shown.stdout.split()[1]
    assert f"{key.line} {key.comment}\n" == file.read_text()
    assert key.comment == "ada@laptop"


@pytest.mark.parametrize(
    "text",
    [
        line(SK_ED, bytes(32), b"ssh:"),
        line(SK_EC, b"nistp256", ON_256, b"ssh:"),
        line("ecdsa-sha2-nistp256", b"nistp256", ON_256),
        line("ssh-rsa", mpint(65537), mpint(MODULUS)),
    ],
)
def test_keys_of_a_token_and_hand_made_ones_are_read_as_openssh_reads_them(
    text: str, tmp_path: Path
) -> None:
    (tmp_path / "key.pub").write_text(text)
    shown = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "key.pub"],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert public_key(text).fingerprint == shown.stdout.split()[1]


@pytest.mark.parametrize(
    ("around", "comment"),
    [
        ("{}", ""),
        ("  {}\r\n", ""),
        ("\ufeff{}", None),
        ("{} ada", "ada"),
        ("{}\tada at  her laptop \n", "ada at  her laptop"),
        ("{} \u00e4da \u732b", "\u00e4da \u732b"),
        ("{}\n{}", None),
        ("{} a\nssh-rsa AAAA", None),
        ("{} a\u2028b", None),
        ("{} a\x0bb", None),
    ],
)
def test_a_key_is_one_line_with_any_comment(around: str, comment: str | None) -> None:
    text = around.replace("{}", ED)
    if comment is None:
        with pytest.raises(Invalid):
            public_key(text)
        return
    key = public_key(text)
    assert (key.line, key.comment) == (ED, comment)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "one line"),
        (" \n ", "one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY-----\nb3Blbn\n", "private key"),
        ("  -----BEGIN RSA PRIVATE KEY-----", "private key"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMII", "private key"),
        ("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none", "private key"),
        ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----", "ssh-keygen -i"),
        ("---- BEGIN SSH2 PUBLIC KEY ----\nAAAA\n---- END SSH2 PUBLIC KEY ----", "ssh-keygen -i"),
        ("hello", "not a type of key"),
        ("AAAAC3NzaC1lZDI1NTE5AAAAIGrw", "not a type of key"),
        (f'command="rm -rf /" {ED}', "not a type of key"),
        (f"restrict {ED}", "not a type of key"),
        (f"# {ED}", "not a type of key"),
        (f"* {ED}", "not a type of key"),
        (f"@cert-authority * {ED}", "not a type of key"),
        (line("ssh-dss", mpint(5), mpint(7), mpint(3), mpint(2)), "not a type of key"),
        (line("ssh-ed25519-cert-v01@openssh.com", bytes(32)), "not a type of key"),
        (line("SSH-ED25519", bytes(32), named="ssh-ed25519"), "not a type of key"),
        ("ssh-ed25519", "damaged"),
        ("ssh-ed25519 ", "damaged"),
        ("ssh-ed25519 !!!!", "damaged"),
        ("ssh-ed25519 \u00e4\u00e4\u00e4\u00e4", "damaged"),
        ("ssh-ed25519 AAAA", "damaged"),
        (ED[:-4], "damaged"),
        (line("ssh-ed25519"), "damaged"),
        (line("ssh-ed25519", b""), "damaged"),
        (line("ssh-ed25519", bytes(31)), "damaged"),
        (line("ssh-ed25519", bytes(33)), "damaged"),
        (line("ssh-ed25519", bytes(32), b"more"), "damaged"),
        (line("ssh-ed25519", bytes(32), named="ssh-rsa"), "damaged"),
        (line("ssh-rsa", mpint(65537), mpint(MODULUS), named="ssh-ed25519"), "damaged"),
        (line("ssh-rsa", mpint(65537)), "damaged"),
        (line("ssh-rsa", mpint(65537), mpint(MODULUS), b""), "damaged"),
        (line("ssh-rsa", mpint(1), mpint(MODULUS)), "damaged"),
        (line("ssh-rsa", mpint(65537), mpint(MODULUS)[1:]), "damaged"),
        (line("ssh-rsa", mpint(65537), b"\0" + mpint(MODULUS)), "damaged"),
        (line("ssh-rsa", mpint(65537), b"\0"), "damaged"),
        (line("ssh-rsa", mpint(65537), mpint(MODULUS >> 1)), "2048"),
        (line("ssh-rsa", mpint(65537), mpint(1 << 16_384)), "2048"),
        (line("ecdsa-sha2-nistp256", b"nistp256", COMPRESSED), "damaged"),
        (line("ecdsa-sha2-nistp384", b"nistp256", ON_256), "damaged"),
        (line("ecdsa-sha2-nistp256", b"nistp384", ON_256), "damaged"),
        (line("ecdsa-sha2-nistp256", b"", ON_256), "damaged"),
        (line("ecdsa-sha2-nistp256", b"\xff", ON_256), "damaged"),
        (line("ecdsa-sha2-nistp256", ON_256), "damaged"),
        (line(SK_ED, bytes(32)), "damaged"),
        (line(SK_ED, bytes(32), b""), "damaged"),
        (line(SK_ED), "damaged"),
        (line(SK_EC, b"nistp256", ON_256), "damaged"),
    ],
)
def test_what_is_no_key_is_refused_with_what_to_do(text: str, says: str) -> None:
    with pytest.raises(Invalid) as caught:
        public_key(text)
    assert says in caught.value.sentence
    assert caught.value.hint


def test_a_private_key_is_not_repeated_in_the_refusal() -> None:
    with pytest.raises(Invalid) as caught:
        public_key("-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjE\n")
    assert "b3Blbn" not in caught.value.sentence


@given(st.text())
def test_any_text_is_a_key_or_is_refused(text: str) -> None:
    try:
        key = public_key(text)
    except Invalid:
        return
    assert key.kind in KEY_TYPES


@given(st.sampled_from(KEY_TYPES), st.lists(st.binary(max_size=70), max_size=4), st.text())
def test_what_is_read_fits_one_line_and_reads_the_same_again(
    kind: str, fields: list[bytes], comment: str
) -> None:
    try:
        key = public_key(f"{line(kind, *fields)} {comment}")
    except Invalid:
        return
    assert "\n" not in key.line
    assert key.line.isascii()
    again = public_key(key.line)
    assert (again.kind, again.blob, again.fingerprint) == (key.kind, key.blob, key.fingerprint)


@given(st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32))
def test_two_keys_have_two_fingerprints(one: bytes, other: bytes) -> None:
    keys = [public_key(line("ssh-ed25519", each)) for each in (one, other)]
    same = keys[0].fingerprint == keys[1].fingerprint
    assert same == (one == other) == (keys[0].line == keys[1].line)
    assert all(len(key.fingerprint) == len("SHA256:") + 43 for key in keys)


@given(st.binary(min_size=32, max_size=32))
def test_keys_of_another_library_are_read(seed: bytes) -> None:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
    text = key.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    assert public_key(text).line == text


@given(st.integers(min_value=1, max_value=64), st.data())
def test_a_key_that_is_cut_or_changed_in_length_is_refused(count: int, data: st.DataObject) -> None:
    whole = base64.b64decode(ED.split()[1])
    at = data.draw(st.integers(min_value=0, max_value=len(whole) - 1))
    for content in (whole[:at], whole + bytes(count)):
        with pytest.raises(Invalid):
            public_key(f"ssh-ed25519 {base64.b64encode(content).decode()}")


@pytest.mark.parametrize("bits", [RSA_MIN_BITS - 1, RSA_MIN_BITS])
def test_the_length_of_an_rsa_key_is_that_of_its_modulus(bits: int) -> None:
    text = line("ssh-rsa", mpint(65537), mpint((1 << bits) - 1))
    if bits >= RSA_MIN_BITS:
        assert public_key(text).kind == "ssh-rsa"
        return
    with pytest.raises(Invalid, match="2048"):
        public_key(text)
