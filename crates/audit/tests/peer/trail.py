"""A second implementation of docs/spec/audit.md: makes a trail from fixed keys, and verifies any trail.

    trail.py make FOLDER                          write the trail of tests/vectors
    trail.py verify KEY_ZERO AUDIT_KEY FILE...    exit 0 when every line, signature and MAC is right
"""

import hashlib
import hmac
import json
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ORDER = (
    "seq time node principal remote operation target key key_version outcome count request"
    " epoch index anchor checkpoint prev mac"
).split()


def render(fields, leave_out=()):
    kept = {name: fields[name] for name in ORDER if name in fields and name not in leave_out}
    if "checkpoint" in kept:
        inner = ("number", "next_key", "signature")
        kept["checkpoint"] = {n: kept["checkpoint"][n] for n in inner if n in kept["checkpoint"] and n not in leave_out}
    return dump(kept).encode()


def dump(value):
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{dump(inner)}' for name, inner in value.items()) + "}"
    return '"' + "".join(map(escape, value)) + '"' if isinstance(value, str) else str(value)


def escape(character):
    if character in '"\\':
        return "\\" + character
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join("\\u" + units[at : at + 2].hex() for at in range(0, len(units), 2))


def hkdf(key, info):
    extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


class Steps:
    def __init__(self, audit_key, number):
        self.key = hkdf(audit_key, b"strongroom/audit-step/1" + number.to_bytes(8, "big"))

    def mac(self, line):
        mac = hmac.new(self.key, line, hashlib.sha256).digest()[:16]
        self.key = hashlib.sha256(b"strongroom/audit-step-next/1" + self.key).digest()
        return mac.hex()


def signed_text(fields):
    return b"strongroom/audit-checkpoint/1" + render(fields, ("signature", "mac"))


def one_time_key(number):
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(b"one-time key %d" % number).digest())


def public(key):
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()


def make(folder):
    audit_key = bytes(range(32))
    lines, steps = [], None

    def add(operation, **fields):
        prev = hashlib.sha256(lines[-1]).hexdigest() if lines else "0" * 64
        whole = {
            "seq": len(lines) + 1, "time": "2025-11-24T16:00:%02d.123Z" % len(lines), "node": "vault-1",
            "principal": "system", "operation": operation, "outcome": "ok", "prev": prev, **fields,
        }  # fmt: skip
        if "checkpoint" in whole and whole["checkpoint"]["number"] > 0:
            key = one_time_key(whole["checkpoint"]["number"] - 1)
            whole["checkpoint"]["signature"] = key.sign(signed_text(whole)).hex()
        elif steps:
            whole["mac"] = steps.mac(render(whole))
        lines.append(render(whole))

    def checkpoint(number, **fields):
        operation = "audit.checkpoint" if number else "audit.begin"
        add(operation, checkpoint={"number": number, "next_key": public(one_time_key(number))}, **fields)

    checkpoint(0)
    add("server.start")
    steps = Steps(audit_key, 0)
    add("server.unlock")
    add("secret.put", principal="uid:1000", remote="unix", target="ftp/\u00e9\u202e\n\"}\x7f", epoch=1, index=0)
    anchor = hashlib.sha256(b"anchor").hexdigest()
    add("secret.put", principal="uid:1000", remote="unix", target="ftp/acme", epoch=1, index=1, anchor=anchor)
    checkpoint(1, epoch=1, anchor=anchor)
    steps = Steps(audit_key, 1)
    add("secret.get", principal="uid:1000", remote="unix", target="ftp/acme", count=2)
    checkpoint(2, epoch=1, anchor=anchor)
    steps = Steps(audit_key, 2)
    add("secret.get", principal="uid:1000", remote="unix", target="ftp/acme")
    steps = None
    add("server.locked_line")
    steps = Steps(audit_key, 2)
    steps.mac(b"")
    add("secret.get", principal="uid:1000", remote="unix", target="ftp/acme")
    for number, part in ((1, lines[:6]), (2, lines[6:])):
        Path(folder, "trail-%08d.jsonl" % number).write_bytes(b"".join(line + b"\n" for line in part))


def verify(key_zero, audit_key, files):
    seq, prev, announced, number, steps = 0, "0" * 64, None, 0, None
    for file in files:
        for line in Path(file).read_bytes().splitlines():
            seq += 1
            fields = json.loads(line)
            assert render(fields) == line, f"form of line {seq}"
            assert fields["seq"] == seq and fields["prev"] == prev, f"chain at line {seq}"
            prev = hashlib.sha256(line).hexdigest()
            if mark := fields.get("checkpoint"):
                assert "mac" not in fields
                if seq == 1:
                    assert mark["number"] == 0 and mark["next_key"] == key_zero
                else:
                    assert mark["number"] == number + 1
                    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(announced))
                    key.verify(bytes.fromhex(mark["signature"]), signed_text(fields))
                number, announced = mark["number"], mark["next_key"]
                steps = Steps(audit_key, number)
            elif "mac" in fields:
                assert steps.mac(render(fields, ("mac",))) == fields["mac"], f"MAC of line {seq}"
    return seq


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(sys.argv[2])
    else:
        try:
            print(verify(sys.argv[2], bytes.fromhex(sys.argv[3]), sys.argv[4:]), "lines")
        except (AssertionError, InvalidSignature) as problem:
            sys.exit(f"refused: {problem!r}")
