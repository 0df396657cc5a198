"""Writes and checks vectors/<format>/*.json, from tests/peer/formats.py alone.

    format_vectors.py check     read every vector and compare the outcome with its header (exit 1 on a difference)
    format_vectors.py write     write them again, and fuzz/corpus; the bytes do not change from run to run
    format_vectors.py verify    check, and compare the files with what write would write
"""

import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import columns  # noqa: E402
import formats as f  # noqa: E402
import streams  # noqa: E402
from format_cases import CASES  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "vectors")


def outcome_record(v):
    header, body = f.open_record(v["key"], v["record_key"], v["sealed"])
    assert header == (v["store_key_id"], v["generation"], v["tag"]) and body == v["body"]
    again = f.seal_record(v["key"], v["store_key_id"], v["record_key"], v["generation"], body, v["sealed"][16:40])
    assert again == v["sealed"]


def outcome_value(v):
    if "text" in v:
        assert f.value_from_text(v["text"]) == v["sealed"]
    header, plaintext = f.open_value(v["key"], v["purpose"], v["place"], v["sealed"])
    assert header == (v["purpose"], v["key_id"], v["key_version"]) and plaintext == v["plaintext"]
    again = f.seal_value(v["key"], *header, v["place"], plaintext, v["sealed"][24:48])
    assert again == v["sealed"] and f.value_text(again) == v["text"]
    if "context" in v:
        assert f.place_with_context(v["context"]) == v["place"]
        assert f.parse_context(v["place"]) == sorted(map(tuple, v["context"]))


def outcome_context(v):
    assert [list(pair) for pair in f.parse_context(v["place"])] == v["context"]


def outcome_two_tier(v):
    assert streams.two_tier_from_text(v["text"]) == v["sealed"]
    places = v["key_place"], v["place"]
    wrapped, data_key, payload = streams.open_two_tier(v["key"], v["purpose"], *places, v["sealed"])
    assert f.parse_value(wrapped) == (v["purpose"], v["key_id"], v["key_version"])
    assert (data_key, payload) == (v["data_key"], v["payload"])
    again = streams.seal_two_tier(data_key, v["purpose"], wrapped, v["place"], payload, v["sealed"][132:156])
    assert again == v["sealed"] and streams.two_tier_text(again) == v["text"]


def outcome_stream(v):
    if "of" in v:
        v = {**CASES["stream", v["of"]], **v}
        v["stream"] = streams.edited(v["stream"], v["edits"])
    wrapped, data_key, plaintext = streams.open_stream(v["key"], v["place"], v["stream"])
    assert f.parse_value(wrapped) == (6, v["key_id"], v["key_version"])
    assert data_key == v["data_key"] and plaintext == streams.plaintext(v["length"])
    assert streams.seal_stream(data_key, wrapped, v["salt"], plaintext) == v["stream"]
    assert f.place_with_context(v["context"]) == v["place"]


def outcome_keyring(v):
    header, body = f.open_record(f.keyring_key(v["root_key"]), f.record_key(2), v["sealed"])
    keys = f.decode_keyring(body)
    assert header[:2] == (0, v["generation"]) and body == v["body"]
    assert [[e[0], e[1], e[2]] for e in keys[0]] == [[e["id"], e["key"], e["created_at"]] for e in v["store_keys"]]
    assert [list(e) for e in keys[1]] == [[e[n] for n in ("id", "version", "key", "created_at")] for e in v["wrap_keys"]]
    assert f.encode_keyring(*keys) == body


def outcome_log(v):
    header, body = f.open_record(v["key"], f.log_key(v["epoch"]), v["sealed"])
    fields = f.decode_log(body, v["epoch"])
    assert header[0] == v["store_key_id"] and body == v["body"] == f.cbor(fields)
    assert f.hashlib.sha256(v["sealed"]).digest() == v["log_hash"]


def outcome_snapshot(v):
    _, body = f.open_record(v["key"], f.snapshot_key(v["epoch"], v["page"]), v["sealed"])
    fields, entries, commits = f.decode_page(body, v["epoch"], v["page"])
    assert body == v["body"]
    again = f.encode_page(*(fields[n] for n in (1, 2, 3, 4, 5)), entries, commits, fields[8])
    assert again == body and len(entries) == len(v["entries"]) and len(commits) == len(v["commits"])


def outcome_anchor(v):
    slot = f.parse_slot(v["slot"])
    names = ("counter", "store_id", "incarnation", "root_id", "epoch", "authenticator", "audit_seq", "audit_head")
    assert slot == tuple(v[name] for name in names) and f.encode_slot(*slot) == v["slot"]
    computed = f.authenticator(
        v["root_key"], v["store_id"], v["incarnation"], v["epoch"], v["record_count"], v["log_hash"]
    )
    assert computed == v["authenticator"] and f.root_id(v["root_key"]) == v["root_id"]
    assert f.anchor_name(v["path"]) == v["file_name"]


def outcome_protector(v):
    gen, fields = f.open_protector(v["root_key"], v["record_key"], v["stored"])
    assert gen == v["generation"] and f.cbor(fields) == v["body"]
    root = f.unwrap_root(v["wrapping_key"], fields[1], fields[2], fields[3], fields[8])
    assert root == v["root_key"] and f.encode_protector(root, v["record_key"], gen, fields) == v["stored"]
    assert f.hashlib.sha256(fields[8]).digest() == v["thumbprint"]


def outcome_audit_line(v):
    data = v["line"].encode()
    line = f.parse_line(data)
    assert line == v["fields"] and f.render_line(line) == data
    assert f.render_line(line, ("mac",)).decode() == v["without_mac"]
    assert f.render_line(line, ("mac", "signature")).decode() == v["without_signature"]


def outcome_cell(v):
    plain = columns.open_cell(v["key"], v["cell"])
    assert plain == v["plain"] and columns.key_check(v["key"]) == v["check"]
    iv = v["cell"][33:49] if v["mode"] == "randomized" else None
    assert columns.seal_cell(v["key"], plain, iv) == v["cell"]


def outcome_column_envelope(v):
    path, column_key = columns.open_envelope(v["master"], v["envelope"])
    assert column_key == v["column_key"] and columns.key_check(column_key) == v["check"]
    assert v["path"] in (path.decode("utf-16-le", "replace"), path.decode("utf-8", "replace"))


def outcome_manifest(v):
    read = columns.read_manifest(v["public"], v["document"], v["signature"])
    assert (read["sequence"], len(read["columns"]), len(read["keys"])) == (v["sequence"], v["columns"], v["keys"])


def outcome_column_type(v):
    assert columns.type_name(v["key"], v["type"], v["mode"]) == v["type_name"] and len(v["type_name"]) <= 52


OUTCOMES = {name[8:]: item for name, item in globals().items() if name.startswith("outcome_")}


def as_json(item):
    if isinstance(item, bytes):
        return "hex:" + item.hex()
    if isinstance(item, dict):
        return {name: as_json(value) for name, value in item.items()}
    return [as_json(value) for value in item] if isinstance(item, (list, tuple)) else item


def of_json(item):
    if isinstance(item, str) and item.startswith("hex:"):
        return bytes.fromhex(item[4:])
    if isinstance(item, dict):
        return {name: of_json(value) for name, value in item.items()}
    return [of_json(value) for value in item] if isinstance(item, list) else item


def check(path, expect_format):
    with open(path, encoding="utf-8") as file:
        vector = of_json(json.load(file))
    assert vector["format"] == expect_format
    try:
        OUTCOMES[vector["format"]](vector)
        found = "ok"
    except f.Refused as refused:
        found = refused.failure
    except AssertionError:
        found = "another content than stated"
    if found != vector["expect"]:
        print(f"{path}: expected {vector['expect']}, found {found}")
        return False
    return True


def written():
    """Every file's path, below vectors/, and text."""
    for (form, name), vector in CASES.items():
        whole = {"format": form, **vector}
        yield os.path.join(form, name + ".json"), json.dumps(as_json(whole), indent=1) + "\n"


def seeds():
    """The fuzz targets' seeds, below fuzz/corpus: the small vectors' bytes, valid and spoilt."""
    fields = {
        "record_header": ("record", "sealed"), "value": ("value", "sealed"), "value_text": ("value", "text"),
        "context": ("context", "place"), "keyring": ("keyring", "body"), "log": ("log", "body"),
        "snapshot_page": ("snapshot", "body"), "anchor_slot": ("anchor", "slot"),
        "two_tier": ("two_tier", "sealed"), "stream_header": ("stream", "stream"),
        "protector": ("protector", "stored"), "body": ("protector", "body"), "audit_line": ("audit_line", "line"),
        "column_envelope": ("column_envelope", "envelope"),
        "manifest": ("manifest", "document"),
    }  # fmt: skip
    for target, (form, field) in fields.items():
        chosen = {}
        for (found, name), vector in CASES.items():
            data = vector.get(field, b"") if found == form else b""
            data = data[:172] if form == "stream" else data
            data = data.encode() if isinstance(data, str) else data
            if 0 < len(data) < 1200:
                chosen.setdefault(data, name)
        for data, name in list(chosen.items())[:24]:
            yield os.path.join(target, name), data
    yield os.path.join("timestamp", "moment"), b"2025-11-24T16:00:00.123Z"
    yield os.path.join("timestamp", "first"), b"0000-01-01T00:00:00.000Z"
    yield os.path.join("timestamp", "identifier"), b"017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


def main(command):
    files = dict(written())
    good = True
    for path, data in seeds() if command == "write" else ():
        path = os.path.join(ROOT, "..", "fuzz", "corpus", path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    for path, text in files.items():
        path = os.path.join(ROOT, path)
        if command == "write":
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
        elif command == "verify":
            with open(path, encoding="utf-8") as file:
                if file.read() != text:
                    print(f"{path}: not what would be written")
                    good = False
    count = 0
    for form in sorted(OUTCOMES):
        for name in sorted(os.listdir(os.path.join(ROOT, form))):
            known = os.path.join(form, name) in files
            good = check(os.path.join(ROOT, form, name), form) and known and good
            count += 1
    print(f"{count} vectors, {'as stated' if good else 'DIFFERENT'}")
    return 0 if good and count == len(files) else 1


if __name__ == "__main__":
    if sys.argv[1:] not in (["check"], ["write"], ["verify"]):
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
