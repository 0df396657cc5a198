"""Cells, key envelopes and manifests of encrypted columns, written from docs/spec/{cell,column-key,manifest}.md alone."""

import hashlib
import hmac
import json
import re
import struct

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from formats import Refused, need

# ---- cells (cell.md) ----


def sub_key(column_key, use):
    text = f"Microsoft SQL Server cell {use} key with encryption algorithm:AEAD_AES_256_CBC_HMAC_SHA256 and key length:256"
    return hmac.digest(column_key, text.encode("utf-16-le"), "sha256")


def cell_tag(column_key, tagged):
    return hmac.digest(sub_key(column_key, "MAC"), b"\x01" + tagged + b"\x01", "sha256")


def seal_cell(column_key, plain, iv=None):
    """A deterministic cell, or one with the initialisation vector given."""
    if iv is None:
        iv = hmac.digest(sub_key(column_key, "IV"), plain, "sha256")[:16]
    length = 16 - len(plain) % 16
    cbc = Cipher(algorithms.AES(sub_key(column_key, "encryption")), modes.CBC(iv)).encryptor()
    tagged = iv + cbc.update(plain + bytes([length]) * length)
    return b"\x01" + cell_tag(column_key, tagged) + tagged


def open_cell(column_key, cell):
    need(len(cell) >= 65 and len(cell) % 16 == 1 and cell[0] == 1, "not_opened")
    need(hmac.compare_digest(cell[1:33], cell_tag(column_key, cell[33:])), "not_opened")
    cbc = Cipher(algorithms.AES(sub_key(column_key, "encryption")), modes.CBC(cell[33:49])).decryptor()
    padded = cbc.update(cell[49:])
    length = padded[-1]
    need(1 <= length <= 16 and padded.endswith(bytes([length]) * length), "not_opened")
    return padded[:-length]


# ---- column keys (column-key.md) ----


def key_check(column_key):
    return hmac.digest(column_key, b"strongroom/column-key-check/1", "sha256")[:16]


def parse_envelope(envelope):
    """Path, wrapped key, signature."""
    need(len(envelope) >= 5, "malformed")
    version, path, modulus = struct.unpack("<BHH", envelope[:5])
    need(version == 1 and len(envelope) == 5 + path + 2 * modulus, "malformed")
    return envelope[5 : 5 + path], envelope[5 + path : 5 + path + modulus], envelope[5 + path + modulus :]


def open_envelope(pkcs8, envelope):
    path, wrapped, signature = parse_envelope(envelope)
    master = serialization.load_der_private_key(pkcs8, None)
    need(len(wrapped) * 8 == master.key_size, "not_opened")
    try:
        signed = envelope[: -len(signature)]
        master.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        oaep = padding.OAEP(mgf=padding.MGF1(hashes.SHA1()), algorithm=hashes.SHA1(), label=None)
        column_key = master.decrypt(wrapped, oaep)
    except (InvalidSignature, ValueError):
        raise Refused("not_opened") from None
    need(len(column_key) == 32, "not_opened")
    return path, column_key


def sign_envelope(pkcs8, front):
    """An envelope with a new signature over everything before it."""
    master = serialization.load_der_private_key(pkcs8, None)
    return front + master.sign(front, padding.PKCS1v15(), hashes.SHA256())


# ---- manifests (manifest.md) ----

PREFIX = b"strongroom.columns.manifest.v1\0"
NAMES = ["check", "masters", "name"], ["name", "path", "provider"]
COLUMN = ["class", "column", "schema", "state", "table"]
COLUMN_TABLE = ["schema", "table"]
WORD = re.compile(
    r"bool|int[248]|float[48]|bytea|uuid|date|(text|varchar|(varchar|bpchar)\(([1-9][0-9]*)\))( utf16)?"
    r"|numeric\((0|[1-9][0-9]?),(0|[1-9][0-9]?)\)|(time|timestamp|timestamptz)(\([0-6]\))?"
    r"|pg:(json|jsonb|xml|inet|cidr|interval|enum|citext)"
)


def is_word(word):
    match = WORD.fullmatch(word)
    if match is None:
        return False
    if match[3] is not None:
        return int(match[3]) <= 10_485_760
    return match[5] is None or 1 <= int(match[5]) <= 38 and int(match[6]) <= int(match[5])


def canonical(document):
    """RFC 8785, of strings and small integers: names are ASCII here, so that bytes are in the right order."""
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()


def sign_manifest(seed, document):
    return ed25519.Ed25519PrivateKey.from_private_bytes(seed).sign(PREFIX + document)


def public_key(seed):
    public = ed25519.Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def members(pairs):
    need(len(dict(pairs)) == len(pairs), "shape")
    return dict(pairs)


def shaped(item, names):
    need(isinstance(item, dict) and sorted(item) == names, "shape")
    return item


def texts(*items):
    need(all(isinstance(item, str) for item in items), "shape")


def text(item, most):
    """Whether a name or a path is possible. Control characters: Unicode's category Cc."""
    return 1 <= len(item.encode()) <= most and not re.search("[\x00-\x1f\x7f-\x9f]", item)


def read_manifest(spki, document, signature):
    need(len(document) <= 16 << 20, "too_long")
    try:
        serialization.load_der_public_key(spki).verify(signature, PREFIX + document)
    except InvalidSignature:
        raise Refused("signature") from None
    try:
        read = json.loads(document.decode(), object_pairs_hook=members)
    except ValueError:
        raise Refused("shape") from None
    need(isinstance(read, dict) and type(read.get("version")) is int and read["version"] >= 0, "shape")
    need(read["version"] == 1, "newer")
    check_shape(read)
    check_content(read)
    need(canonical(read) == document, "not_canonical")
    return read


def check_shape(read):
    optional = ["reordered"] if "reordered" in read else []
    shaped(read, ["columns", "database", "keys", *optional, "sequence", "version"])
    need(isinstance(read.get("reordered", []), list), "shape")
    for table in read.get("reordered", []):
        texts(*shaped(table, COLUMN_TABLE).values())
    need(type(read["sequence"]) is int and 0 <= read["sequence"] < 1 << 64, "shape")
    need(isinstance(read["columns"], list) and isinstance(read["keys"], list), "shape")
    texts(read["database"])
    for column in read["columns"]:
        shaped(column, COLUMN)
        shaped(column["class"], ["key", "mode", "type"])
        texts(*(column[name] for name in COLUMN[1:]), *column["class"].values())
        need(column["state"] in ("encrypted", "encrypting"), "shape")
    for key in read["keys"]:
        shaped(key, NAMES[0])
        texts(key["check"], key["name"])
        need(isinstance(key["masters"], list), "shape")
        for master in key["masters"]:
            texts(*shaped(master, NAMES[1]).values())


def check_content(read):
    need(1 <= read["sequence"] < 1 << 53, "content")
    need(re.fullmatch("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", read["database"]), "content")
    listed = [key["name"] for key in read["keys"]]
    need(listed == sorted(set(listed), key=str.encode), "content")
    for key in read["keys"]:
        need(re.fullmatch("[0-9a-f]{32}", key["check"]) and text(key["name"], 256), "content")
        need(1 <= len(key["masters"]) <= 2, "content")
        for master in key["masters"]:
            need(text(master["name"], 256) and text(master["provider"], 256) and text(master["path"], 4000), "content")
        need(len({(m["provider"], m["path"]) for m in key["masters"]}) == len(key["masters"]), "content")
    places = [tuple(column[name].encode() for name in ("schema", "table", "column")) for column in read["columns"]]
    need(places == sorted(set(places)), "content")
    for column, place in zip(read["columns"], places):
        need(all(1 <= len(name) <= 63 and b"\0" not in name for name in place), "content")
        kind = column["class"]
        need(kind["mode"] in ("deterministic", "randomized") and is_word(kind["type"]), "content")
        need(not kind["type"].startswith("pg:") or kind["mode"] == "randomized", "content")
        need(kind["key"] in listed, "content")
    others = [(table["schema"].encode(), table["table"].encode()) for table in read.get("reordered", [])]
    need(set(others) <= {place[:2] for place in places} and others == sorted(set(others)), "content")
    need(others or "reordered" not in read, "not_canonical")


def type_name(key, word, mode):
    def safe(name):
        return re.sub("[^a-z0-9]+", "_", name).strip("_")

    short = {"deterministic": "det", "randomized": "rnd"}[mode]
    name = f"{safe(key)}_{safe(word)}_{short}"
    if key and safe(key) == key and len(name) <= 52:
        return name
    digest = hashlib.sha256("\0".join((key, word, short)).encode()).hexdigest()[:16]
    return name[:35].rstrip("_") + "_" + digest
