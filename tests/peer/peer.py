#!/usr/bin/env python3
"""A second implementation of Strongroom's cipher and formats, written from docs/spec/ alone.

Needs Python 3.9 and the package `cryptography` (Debian: python3-cryptography), which supplies AES
on single blocks and AES-256-GCM; everything else is here. It is for tests: nothing is wiped, and
nonces can be chosen.

    peer.py                    answers requests on standard input, one JSON object per line
    peer.py vectors FILE...    checks vector files (vectors/cipher/*.json); exit status 1 on a difference

Protocol
--------
Each line on standard input is one request; each gets one line on standard output, in order. All
bytes are lower-case hex. A request has a member "command" and may have a member "id", which is
given back. Every answer has "ok". When it is false, "error" says why, and "refused" is true if the
input was understood but did not open, did not parse or was not allowed by the specification, false
if the request itself was wrong. The process goes on after any line and ends with its input.

seal          key, plaintext, [aad], [nonce]            -> sealed                docs/spec/cipher.md
open          key, sealed, [aad]                        -> plaintext
seal-value    key, purpose, key_id, key_version, place, -> sealed, text          docs/spec/value.md
              plaintext, [nonce]
open-value    key, purpose, place, sealed or text       -> plaintext, purpose, key_id, key_version
seal-record   key, record_key, store_key_id,            -> sealed, tag           docs/spec/record.md
              generation, body, [nonce]
open-record   key, record_key, sealed                   -> body, kind, store_key_id, generation, tag
hkdf          salt, secret, label, [context], length    -> output                docs/spec/labels.md
mac           key, message                              -> mac (HMAC-SHA-256)

A nonce that is not given is random. "purpose" in open-value is the one the caller expects; another
one in the header is refused. "place" of a value is one of
    {"record_key": hex of 17 bytes, "field": number, "version": number}
    {"context": [[name, text], ...]}     in any order; two equal names are refused
"""

import base64
import hmac
import json
import os
import re
import struct
import sys

try:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
except ImportError:
    sys.exit("peer.py needs the Python package 'cryptography': install python3-cryptography")

SUITE_KC_XAES_256_GCM = 0x0001
NONCE, TAG, COMMITMENT = 24, 16, 32
PURPOSES = {1, 2, 3, 4, 5, 6, 7, 8, 32}


class Refused(Exception):
    """The input was understood and is not acceptable."""


# --- docs/spec/cipher.md -------------------------------------------------------------------------


def xor(left, right):
    return bytes(a ^ b for a, b in zip(left, right))


class KcXaes:
    """KC-XAES-256-GCM under one key."""

    def __init__(self, key):
        if len(key) != 32:
            raise ValueError("a key has 32 bytes")
        # Blocks do not depend on each other in this mode, so one context serves for all.
        self._ecb = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
        subkey = int.from_bytes(self._aes(bytes(16)), "big") << 1
        if subkey >> 128:
            subkey = (subkey ^ 0x87) & ((1 << 128) - 1)
        self._k1 = subkey.to_bytes(16, "big")

    def _aes(self, block):
        return self._ecb.update(block)

    def _cmac(self, blocks):
        """CMAC of a message of whole blocks (SP 800-38B): the last one is masked with K1."""
        state = bytes(16)
        for block in blocks[:-1]:
            state = self._aes(xor(state, block))
        return self._aes(xor(xor(state, blocks[-1]), self._k1))

    def message_key(self, nonce):
        head = nonce[:12]
        return self._cmac([b"\x00\x01X\x00" + head]) + self._cmac([b"\x00\x02X\x00" + head])

    def commitment(self, nonce):
        text = b"XCMT" + nonce
        return b"".join(
            self._cmac([text[:16], text[16:] + suffix])
            for suffix in (b"\x00\x01\x00\x01", b"\x00\x01\x00\x02")
        )

    def seal(self, nonce, aad, plaintext):
        body = AESGCM(self.message_key(nonce)).encrypt(nonce[12:], plaintext, aad)
        return nonce + body + self.commitment(nonce)

    def open(self, aad, sealed):
        if len(sealed) < NONCE + TAG + COMMITMENT:
            raise Refused("too short")
        nonce, body, commitment = sealed[:NONCE], sealed[NONCE:-COMMITMENT], sealed[-COMMITMENT:]
        if not hmac.compare_digest(commitment, self.commitment(nonce)):
            raise Refused("the commitment differs")
        try:
            return AESGCM(self.message_key(nonce)).decrypt(nonce[12:], body, aad)
        except InvalidTag:
            raise Refused("the tag differs") from None


# --- docs/spec/value.md --------------------------------------------------------------------------


def place_of(request):
    place = field(request, "place", dict)
    if set(place) == {"record_key", "field", "version"}:
        record_key = data(place, "record_key", 17)
        return b"\x00" + record_key + struct.pack(">HI", place["field"], place["version"])
    if set(place) == {"context"}:
        pairs = sorted((name.encode(), text.encode()) for name, text in place["context"])
        if len({name for name, _ in pairs}) != len(pairs):
            raise Refused("a context has two equal names")
        out = b"\x01" + struct.pack(">I", len(pairs))
        for pair in pairs:
            for part in pair:
                out += struct.pack(">I", len(part)) + part
        return out
    raise ValueError("place is {record_key, field, version} or {context}")


def value_to_text(sealed):
    return "sr1." + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def value_from_text(text):
    match = re.fullmatch(r"sr1\.([A-Za-z0-9_-]*)", text)
    if match is None or len(match[1]) % 4 == 1:
        raise Refused("not the text form of a value")
    sealed = base64.urlsafe_b64decode(match[1] + "=" * (-len(match[1]) % 4))
    if value_to_text(sealed) != text:
        raise Refused("the text form has bits set after its end")
    return sealed


def seal_value(request):
    purpose = field(request, "purpose", int)
    if purpose not in PURPOSES:
        raise Refused("unknown purpose")
    key_version = field(request, "key_version", int)
    if key_version == 0:
        raise Refused("key versions start at 1")
    header = struct.pack(">BBH", 1, purpose, SUITE_KC_XAES_256_GCM)
    header += data(request, "key_id", 16) + struct.pack(">I", key_version)
    aad = b"strongroom/value/1" + header + place_of(request)
    sealed = header + cipher(request).seal(nonce(request), aad, data(request, "plaintext"))
    return {"sealed": sealed.hex(), "text": value_to_text(sealed)}


def open_value(request):
    sealed = value_from_text(request["text"]) if "text" in request else data(request, "sealed")
    if len(sealed) < 96:
        raise Refused("too short")
    form, purpose, suite, key_id, key_version = struct.unpack(">BBH16sI", sealed[:24])
    if form != 1:
        raise Refused("unknown format")
    if suite != SUITE_KC_XAES_256_GCM:
        raise Refused("unknown suite")
    if purpose not in PURPOSES or purpose != field(request, "purpose", int):
        raise Refused("another purpose")
    if key_version == 0:
        raise Refused("key versions start at 1")
    aad = b"strongroom/value/1" + sealed[:24] + place_of(request)
    plaintext = cipher(request).open(aad, sealed[24:])
    return {
        "plaintext": plaintext.hex(),
        "purpose": purpose,
        "key_id": key_id.hex(),
        "key_version": key_version,
    }


# --- docs/spec/record.md -------------------------------------------------------------------------


def seal_record(request):
    record_key = data(request, "record_key", 17)
    header = struct.pack(
        ">BBHIQ",
        1,
        record_key[0],
        SUITE_KC_XAES_256_GCM,
        field(request, "store_key_id", int),
        field(request, "generation", int),
    )
    aad = b"strongroom/record/1" + record_key + header
    sealed = header + cipher(request).seal(nonce(request), aad, data(request, "body"))
    return {"sealed": sealed.hex(), "tag": sealed[-COMMITMENT - TAG : -COMMITMENT].hex()}


def open_record(request):
    record_key, sealed = data(request, "record_key", 17), data(request, "sealed")
    if len(sealed) < 88:
        raise Refused("too short")
    form, kind, suite, store_key_id, generation = struct.unpack(">BBHIQ", sealed[:16])
    if form != 1:
        raise Refused("unknown format")
    if kind != record_key[0]:
        raise Refused("another kind than the record key's")
    if suite != SUITE_KC_XAES_256_GCM:
        raise Refused("unknown suite")
    aad = b"strongroom/record/1" + record_key + sealed[:16]
    body = cipher(request).open(aad, sealed[16:])
    return {
        "body": body.hex(),
        "kind": kind,
        "store_key_id": store_key_id,
        "generation": generation,
        "tag": sealed[-COMMITMENT - TAG : -COMMITMENT].hex(),
    }


# --- docs/spec/labels.md -------------------------------------------------------------------------


def hkdf(request):
    """HKDF-SHA-256 (RFC 5869) with info = label ‖ context."""
    salt = data(request, "salt") or bytes(32)
    info = field(request, "label", str).encode() + data(request, "context", default="")
    length = field(request, "length", int)
    pseudorandom_key = hmac.digest(salt, data(request, "secret"), "sha256")
    output, block = b"", b""
    for number in range(1, -(-length // 32) + 1):
        block = hmac.digest(pseudorandom_key, block + info + bytes([number]), "sha256")
        output += block
    return {"output": output[:length].hex()}


# --- requests ------------------------------------------------------------------------------------


def field(request, name, kind):
    value = request[name]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ValueError(f"{name} is not of type {kind.__name__}")
    return value


def data(request, name, length=None, default=None):
    value = bytes.fromhex(request[name] if default is None else request.get(name, default))
    if length is not None and len(value) != length:
        raise ValueError(f"{name} has {length} bytes")
    return value


def nonce(request):
    return data(request, "nonce", NONCE) if "nonce" in request else os.urandom(NONCE)


def cipher(request):
    return KcXaes(data(request, "key", 32))


def seal(request):
    aad = data(request, "aad", default="")
    return {"sealed": cipher(request).seal(nonce(request), aad, data(request, "plaintext")).hex()}


def open_(request):
    aad = data(request, "aad", default="")
    return {"plaintext": cipher(request).open(aad, data(request, "sealed")).hex()}


def mac(request):
    return {"mac": hmac.digest(data(request, "key"), data(request, "message"), "sha256").hex()}


COMMANDS = {
    "seal": seal,
    "open": open_,
    "seal-value": seal_value,
    "open-value": open_value,
    "seal-record": seal_record,
    "open-record": open_record,
    "hkdf": hkdf,
    "mac": mac,
}


def answer(line):
    reply = {}
    try:
        request = json.loads(line)
        if "id" in request:
            reply["id"] = request["id"]
        reply.update(COMMANDS[request["command"]](request), ok=True)
    except Refused as refusal:
        reply.update(ok=False, refused=True, error=str(refusal))
    except (ValueError, KeyError, TypeError, AttributeError, struct.error) as error:
        reply.update(ok=False, refused=False, error=f"{type(error).__name__}: {error}")
    return json.dumps(reply)


def serve():
    for line in sys.stdin:
        sys.stdout.write(answer(line) + "\n")
        sys.stdout.flush()


# --- vector files --------------------------------------------------------------------------------


def check_vectors(path):
    """Yields what differs. The file's "outcome" holds for all of its cases."""
    with open(path, encoding="utf-8") as file:
        vectors = json.load(file)
    outcome = vectors["outcome"]
    for case in vectors["cases"]:
        where = f"{path}: {case['name']}"
        sealed = bytes.fromhex(case["sealed"])
        try:
            opened = cipher(case).open(data(case, "aad"), sealed)
        except Refused:
            if outcome != "refused":
                yield f"{where}: does not open"
            continue
        if outcome != "opens":
            yield f"{where}: opens"
        elif opened != data(case, "plaintext"):
            yield f"{where}: opens to something else"
        elif cipher(case).seal(sealed[:NONCE], data(case, "aad"), opened) != sealed:
            yield f"{where}: seals to something else"


def main(arguments):
    if not arguments:
        return serve()
    if arguments[0] != "vectors" or len(arguments) < 2:
        sys.exit(__doc__)
    differences = [difference for path in arguments[1:] for difference in check_vectors(path)]
    if differences:
        sys.exit("\n".join(differences))


if __name__ == "__main__":
    main(sys.argv[1:])
