"""Strongroom's byte formats, written from docs/spec alone: the second opinion on crates/envelope.

Every decoder raises Refused with the failure class that the vectors name. Nonces are handed in, so that
vectors are deterministic; the cipher is peer.py's.
"""

import base64
import hashlib
import hmac
import os
import re
import struct
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import peer  # noqa: E402
from deterministic_cbor import (  # noqa: E402, F401
    body_of,
    cbor,
    moment,
    need,
    number,
    Refused,
    row,
    shape,
    uncbor,
)
from trail_line import LINE_FIELDS, parse_line, render_line  # noqa: E402, F401


# ---- cipher (cipher.md) ----


def cipher_seal(key, nonce, aad, plaintext):
    return peer.KcXaes(key).seal(nonce, aad, plaintext)


def cipher_open(key, aad, sealed):
    """The plaintext, or None."""
    try:
        return peer.KcXaes(key).open(aad, sealed)
    except peer.Refused:
        return None


# ---- derivation (labels.md) ----


def hkdf(salt, key, info, length):
    """HKDF-SHA-256, RFC 5869."""
    secret = hmac.new(salt or bytes(32), key, hashlib.sha256).digest()
    out, block, counter = b"", b"", 1
    while len(out) < length:
        block = hmac.new(secret, block + info + bytes([counter]), hashlib.sha256).digest()
        out, counter = out + block, counter + 1
    return out[:length]


def root_id(root):
    return hkdf(b"", root, b"strongroom/root-id/1", 16)


def keyring_key(root):
    return hkdf(b"", root, b"strongroom/keyring/1", 32)


def protector_mac_key(root):
    return hkdf(b"", root, b"strongroom/protector/1", 32)


def anchor_key(root):
    return hkdf(b"", root, b"strongroom/anchor-key/1", 32)


def store_key_id(key):
    return int.from_bytes(hkdf(b"", key, b"strongroom/store-key-id/1", 4), "big")


# ---- records (record.md) ----

KINDS = {
    1: "protector", 2: "keyring", 3: "log", 4: "snapshot", 5: "instance", 6: "proof", 7: "quarantine",
    0x10: "key", 0x11: "secret", 0x12: "secret_version", 0x13: "token", 0x14: "policy", 0x15: "job",
    0x16: "transaction", 0x17: "transaction_step", 0x18: "setting", 0x19: "credential", 0x1A: "approval",
    0x1B: "node",
}  # fmt: skip


def record_key(kind, ident=bytes(16)):
    return bytes([kind]) + ident


def log_key(epoch):
    return record_key(3, bytes(8) + struct.pack(">Q", epoch))


def snapshot_key(epoch, page):
    return record_key(4, struct.pack(">QQ", epoch, page))


def valid_record_key(key):
    if len(key) != 17 or key[0] not in KINDS:
        return False
    if key[0] in (2, 5, 6):
        return key[1:] == bytes(16)
    return key[0] != 3 or key[1:9] == bytes(8)


def generation(epoch, index):
    return epoch << 16 | index


def possible_generation(key, value):
    epoch, index = value >> 16, value & 0xFFFF
    if epoch == 0:
        return False
    if key[0] == 3:
        return index == 0xFFFF and key == log_key(epoch)
    if key[0] == 4:
        return index == 0xFFFE and key[1:9] == struct.pack(">Q", epoch)
    return index < 0xFFFE


def record_head(kind, suite, key_id, gen):
    return struct.pack(">BBHIQ", 1, kind, suite, key_id, gen)


def seal_record(sealing, key_id, key, gen, body, nonce):
    head = record_head(key[0], 1, key_id, gen)
    return head + cipher_seal(sealing, nonce, b"strongroom/record/1" + key + head, body)


def parse_record(key, sealed):
    need(key[0] != 1, "not_sealed")
    need(len(sealed) >= 88, "length")
    fmt, kind, suite, key_id, gen = struct.unpack(">BBHIQ", sealed[:16])
    need(fmt == 1, "format")
    need(kind == key[0], "kind")
    need(suite == 1, "suite")
    need((key_id == 0) == (kind == 2), "store_key")
    need(possible_generation(key, gen), "generation")
    return key_id, gen, sealed[-48:-32]


def open_record(sealing, key, sealed):
    header = parse_record(key, sealed)
    body = cipher_open(sealing, b"strongroom/record/1" + key + sealed[:16], sealed[16:])
    need(body is not None, "unauthentic")
    return header, body


# ---- values (value.md) ----

PURPOSES = (1, 2, 3, 4, 5, 6, 7, 8, 32)


def place_in_record(key, field, version):
    return b"\0" + key + struct.pack(">HI", field, version)


def place_with_context(pairs):
    out = b"\1" + struct.pack(">I", len(pairs))
    for name, text in sorted((name.encode(), text.encode()) for name, text in pairs):
        out += struct.pack(">I", len(name)) + name + struct.pack(">I", len(text)) + text
    return out


def parse_context(data):
    """The pairs of a context's place, when it is written as it must be."""

    def take(size):
        nonlocal data
        need(len(data) >= size, "malformed")
        found, data = data[:size], data[size:]
        return found

    need(take(1) == b"\1", "malformed")
    count = struct.unpack(">I", take(4))[0]
    need(count <= 16, "malformed")
    pairs = []
    for _ in range(count):
        name = take(struct.unpack(">I", take(4))[0])
        text = take(struct.unpack(">I", take(4))[0])
        need(1 <= len(name) <= 256 and len(text) <= 256, "malformed")
        need(not pairs or pairs[-1][0] < name, "malformed")
        pairs.append((name, text))
    need(data == b"", "malformed")
    try:
        return [(name.decode(), text.decode()) for name, text in pairs]
    except UnicodeDecodeError:
        raise Refused("malformed") from None


def seal_value(sealing, purpose, key_id, version, place, plaintext, nonce):
    head = struct.pack(">BBH", 1, purpose, 1) + key_id + struct.pack(">I", version)
    return head + cipher_seal(sealing, nonce, b"strongroom/value/1" + head + place, plaintext)


def parse_value(sealed):
    need(len(sealed) >= 96, "length")
    fmt, purpose, suite = struct.unpack(">BBH", sealed[:4])
    version = struct.unpack(">I", sealed[20:24])[0]
    need(fmt == 1, "format")
    need(purpose in PURPOSES, "purpose")
    need(suite == 1, "suite")
    need(version > 0, "key_version")
    return purpose, sealed[4:20], version


def open_value(sealing, purpose, place, sealed):
    header = parse_value(sealed)
    need(header[0] == purpose, "other_purpose")
    plaintext = cipher_open(sealing, b"strongroom/value/1" + sealed[:24] + place, sealed[24:])
    need(plaintext is not None, "unauthentic")
    return header, plaintext


def value_text(sealed):
    return "sr1." + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def value_from_text(text):
    need(text.startswith("sr1."), "prefix")
    rest = text[4:]
    need(re.fullmatch(r"[A-Za-z0-9_-]*", rest) and len(rest) % 4 != 1, "encoding")
    sealed = base64.urlsafe_b64decode(rest + "=" * (-len(rest) % 4))
    need(value_text(sealed) == text, "encoding")
    return sealed


# ---- keyring (keyring.md) ----


def encode_keyring(store_keys, wrap_keys):
    return cbor({0: 1, 1: [list(entry) for entry in store_keys], 2: [list(entry) for entry in wrap_keys]})


def decode_keyring(data):
    fields = body_of(data, (0, 1, 2))
    store_keys, wrap_keys = shape(fields[1], list), shape(fields[2], list)
    need(store_keys and wrap_keys, "malformed")
    for entry in store_keys:
        ident, key, created = row(entry, 3)
        number(ident, 32), shape(key, bytes, 32), moment(created)
    for entry in wrap_keys:
        ident, version, key, created = row(entry, 4)
        shape(ident, bytes, 16), number(version, 32), shape(key, bytes, 32), moment(created)
    for entry in store_keys:
        need(entry[0] == store_key_id(entry[1]) != 0, "store_key_id")
    need(len({entry[0] for entry in store_keys}) == len(store_keys), "twice")
    need(len({(entry[0], entry[1]) for entry in wrap_keys}) == len(wrap_keys), "twice")
    return store_keys, wrap_keys


# ---- log (log.md) ----


def name_tag(kind, name):
    return hashlib.sha256(bytes([kind]) + name.encode()).digest()[:8]


def decode_log(data, epoch):
    fields = body_of(data, range(10))
    number(fields[1]), shape(fields[2], bytes, 16), moment(fields[3]), shape(fields[4], bytes, 32)
    for commit in shape(fields[5], list):
        ident, digest, reply, keyed = row(commit, 4)
        shape(ident, bytes, 16), shape(digest, bytes, 16), shape(reply, bytes), shape(keyed, bool)
    for key, old, new, tag, name in (row(change, 5) for change in shape(fields[6], list)):
        shape(key, bytes, 17), number(old), number(new), shape(tag, bytes, 16), shape(name, bytes, 8)
        need(valid_record_key(key), "malformed")
    for entry in shape(fields[7], list):
        check_audit_entry(entry)
    seq, head = row(fields[8], 2)
    number(seq), shape(head, bytes, 32), number(fields[9])
    need(fields[1] == epoch and 0 < epoch < 1 << 48, "contradiction")
    for key, old, new, tag, name in fields[6]:
        need(key[0] not in (3, 4), "contradiction")
        need(old == 0 or 1 <= old >> 16 <= epoch, "contradiction")
        if new == 0:
            need(tag == bytes(16) and name == bytes(8) and old != 0, "contradiction")
        else:
            need(new >> 16 == epoch and old < new, "contradiction")
    return fields


def check_audit_entry(entry):
    time, principal, remote, operation, target, key, version, outcome, count, request = row(entry, 10)
    moment(time), number(version, 32), number(count), shape(request, bytes, 16)
    for text in (principal, remote, operation, target, outcome):
        shape(text, str)
    need(shape(key, bytes) == b"" or len(key) == 16, "malformed")


# ---- snapshot (log.md) ----


def encode_page(epoch, page, pages, incarnation, log_hash, entries, commits, count):
    index = b"".join(key + struct.pack(">Q", gen) + tag + name for key, gen, tag, name in entries)
    keyed = b"".join(ident + struct.pack(">QQ", at, time) for ident, at, time in commits)
    return cbor({0: 1, 1: epoch, 2: page, 3: pages, 4: incarnation, 5: log_hash, 6: index, 7: keyed, 8: count})


def decode_page(data, epoch, page):
    fields = body_of(data, range(9))
    for field in (1, 2, 3, 8):
        number(fields[field])
    shape(fields[4], bytes, 16), shape(fields[5], bytes, 32)
    index, keyed = shape(fields[6], bytes), shape(fields[7], bytes)
    need(len(index) % 49 == 0 and len(keyed) % 32 == 0, "malformed")
    need(fields[2] < fields[3] and (fields[1], fields[2]) == (epoch, page), "malformed")
    entries = []
    for at in range(0, len(index), 49):
        key, gen, tag = index[at : at + 17], index[at + 17 : at + 25], index[at + 25 : at + 41]
        name = index[at + 41 : at + 49]
        gen = struct.unpack(">Q", gen)[0]
        need(valid_record_key(key) and key[0] not in (3, 4), "malformed")
        need(possible_generation(key, gen), "malformed")
        need(not entries or entries[-1][0] < key, "malformed")
        entries.append((key, gen, tag, name))
    commits = []
    for at in range(0, len(keyed), 32):
        batch, time = struct.unpack(">QQ", keyed[at + 16 : at + 32])
        need(time < 1 << 63, "malformed")
        commits.append((keyed[at : at + 16], batch, time))
    return fields, entries, commits


# ---- anchor (anchor.md) ----


def encode_slot(counter, store, incarnation, root, epoch, auth, seq, head):
    data = b"SRANCHOR" + b"\1" + bytes(7) + struct.pack(">Q", counter) + store + incarnation + root
    data += struct.pack(">Q", epoch) + auth + struct.pack(">Q", seq) + head
    return data + struct.pack(">I", zlib.crc32(data))


def parse_slot(data):
    need(len(data) == 156, "length")
    need(data != bytes(156), "empty")
    need(data[:8] == b"SRANCHOR", "magic")
    need(zlib.crc32(data[:152]) == int.from_bytes(data[152:], "big"), "checksum")
    need(data[8] == 1, "format")
    need(data[9:16] == bytes(7), "reserved")
    counter, epoch, seq = (struct.unpack(">Q", data[at : at + 8])[0] for at in (16, 72, 112))
    return counter, data[24:40], data[40:56], data[56:72], epoch, data[80:112], seq, data[120:152]


def authenticator(root, store, incarnation, epoch, count, log_hash):
    text = b"strongroom/anchor/1" + store + incarnation + struct.pack(">QQ", epoch, count) + log_hash
    return hmac.new(anchor_key(root), text, hashlib.sha256).digest()


def anchor_name(path):
    return hashlib.sha256(path.encode()).digest()[:16].hex() + ".anchor"


# ---- protector (protector.md) ----

# The kinds, and which of the optional fields 9 and 10 each has.
PROTECTORS = {
    "account": (), "machine": (), "password": (), "shares": (10,), "rsa": (9, 10), "pkcs11": (9, 10), "plugin": (9, 10),
}  # fmt: skip


def wrap_root(wrapping, store, ident, kind, root, nonce):
    name = kind.encode()
    aad = b"strongroom/protector-wrap/1" + store + ident + bytes([len(name)]) + name
    return cipher_seal(wrapping, nonce, aad, root)


def unwrap_root(wrapping, store, ident, kind, wrapped):
    name = kind.encode()
    aad = b"strongroom/protector-wrap/1" + store + ident + bytes([len(name)]) + name
    root = cipher_open(wrapping, aad, wrapped)
    need(root is not None and len(root) == 32, "unauthentic")
    return root


def protector_mac(root, key, covered):
    text = b"strongroom/protector-record/1" + key + covered
    return hmac.new(protector_mac_key(root), text, hashlib.sha256).digest()


def encode_protector(root, key, gen, body):
    covered = record_head(1, 0x00F1, 0, gen) + (body if isinstance(body, bytes) else cbor(body))
    return covered + protector_mac(root, key, covered)


def parse_protector(key, stored):
    need(key[0] == 1, "place")
    need(49 <= len(stored) <= 4096, "length")
    gen = struct.unpack(">Q", stored[8:16])[0]
    need(stored[:16] == record_head(1, 0x00F1, 0, gen) and possible_generation(key, gen), "head")
    fields = body_of(stored[16:-32], (0, 1, 2, 3, 4, 5, 6, 8), (7, 9, 10))
    shape(fields[1], bytes, 16), shape(fields[2], bytes, 16), shape(fields[3], str)
    for pair in shape(fields[4], list):
        for text in row(pair, 2):
            shape(text, str)
    moment(fields[5]), shape(fields[6], bytes), shape(fields[8], bytes)
    if 7 in fields:
        for value, bits in zip(row(fields[7], 4), (8, 32, 32, 32)):
            number(value, bits)
    shape(fields.get(9, ""), str), shape(fields.get(10, b""), bytes)
    need(re.fullmatch(r"[!-~]{1,32}", fields[3]), "malformed")
    need(fields[3] in PROTECTORS, "unknown_kind")
    check_protector(key, fields)
    return gen, fields


def check_protector(key, fields):
    need(len(fields[8]) == 104, "malformed")
    need(fields.get(9) != "" and fields.get(10) != b"", "malformed")
    if 7 in fields:
        need(fields[7][0] in (1, 2), "algorithm")
        need(fields[7][0] == 1 or fields[7][2:] == [0, 0], "malformed")
    need(fields[2] == key[1:], "other_id")
    need(len(fields[4]) <= 16, "bound_to")
    for text in (text for pair in fields[4] for text in pair):
        need(len(text.encode()) <= 256, "bound_to")
        need(not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in text), "bound_to")
    need(16 <= len(fields[6]) <= 32, "salt")
    means = PROTECTORS[fields[3]]
    need((9 in fields) == (9 in means), "parameter")
    need(9 not in fields or re.fullmatch(r"[a-z0-9-]{1,128}", fields[9]), "parameter")
    need((10 in fields) == (10 in means), "blob")
    need(10 not in fields or 1 <= len(fields[10]) <= 2048, "blob")
    need((fields[3] == "password") == (7 in fields), "parameters_misplaced")
    if 7 in fields:
        algorithm, first, passes, lanes = fields[7]
        argon = 64 * 1024 <= first <= 1024 * 1024 and 1 <= passes <= 64 and 1 <= lanes <= 16
        need(argon if algorithm == 1 else 600_000 <= first <= 100_000_000, "parameters")


def open_protector(root, key, stored):
    gen, fields = parse_protector(key, stored)
    need(hmac.compare_digest(protector_mac(root, key, stored[:-32]), stored[-32:]), "mac")
    return gen, fields
