"""Vectors of log records, snapshot pages and the anchor."""

import hashlib

import formats as f
from case_kit import CASES, INCARNATION, ROOT_KEY, STORE_ID, STORE_KEY, STORE_KEY_ID, TIME, case, det, patched, spoilt, uuid


# ---- log and snapshot ----


def entry(n, **changed):
    fields = {
        "time": TIME + n, "principal": "uid:1000", "remote": "unix", "operation": "secret.put",
        "target": "ftp/acme", "key": uuid("application key"), "key_version": 1, "outcome": "ok", "count": 0,
        "request": uuid(f"request {n}"),
    }  # fmt: skip
    return list({**fields, **changed}.values())


def logs():
    epoch = 42
    put = [f.record_key(0x11, uuid("log secret")), 0, f.generation(42, 0), det("tag 0", 16), f.name_tag(0x11, "ftp/acme")]
    update = [f.record_key(0x10, uuid("log key")), f.generation(41, 9), f.generation(42, 1), det("tag 1", 16), bytes(8)]
    delete = [f.record_key(0x13, uuid("log token")), f.generation(3, 0), 0, bytes(16), bytes(8)]
    quiet = entry(1, remote="", target="", key=b"", key_version=0, request=bytes(16), principal="system")
    fields = {
        0: 1, 1: epoch, 2: INCARNATION, 3: TIME, 4: det("previous log", 32),
        5: [[uuid("commit 0"), det("digest", 16), b'{"version":1}', True], [uuid("commit 1"), bytes(16), b"", False]],
        6: [put, update, delete], 7: [entry(0), quiet], 8: [17, det("head", 32)], 9: 100_000,
    }  # fmt: skip

    def add(name, expect, note, fields=fields, body=None, at=epoch, sealed=None, **changed):
        body = f.cbor(fields) if body is None else body
        if sealed is None:
            sealed = f.seal_record(STORE_KEY, STORE_KEY_ID, f.log_key(at), f.generation(at, 0xFFFF), body, det("log " + name, 24))
        content = {"key": STORE_KEY, "store_key_id": STORE_KEY_ID, "epoch": at, "sealed": sealed, "body": body}
        hashed = hashlib.sha256(sealed).digest()
        case("log", name, expect, note, **content, log_hash=hashed, fields=named(fields), **changed)

    def named(fields):
        commit = ("id", "request_digest", "reply", "keyed")
        change = ("key", "old", "new", "tag", "name_tag")
        names = ("version", "epoch", "incarnation", "time", "previous", "commits", "changes", "audit", "audit_position", "record_count")
        audit = ("time", "principal", "remote", "operation", "target", "key", "key_version", "outcome", "count", "request")
        out = dict(zip(names, (fields[n] for n in range(10))))
        for part, inner in (("commits", commit), ("changes", change), ("audit", audit)):
            out[part] = [dict(zip(inner, item)) for item in out[part]]
        return out

    add("batch", "ok", "two commits, three changes, two audit entries")
    nothing = {0: 1, 1: 1, 2: INCARNATION, 3: 0, 4: bytes(32), 5: [], 6: [], 7: [], 8: [0, bytes(32)], 9: 0}
    add("first", "ok", "the first batch of a store", nothing, at=1)
    full = {**fields, 5: [[det(f"c{n}", 16), det(f"d{n}", 16), b"", n % 2 == 0] for n in range(30)]}
    add("many-commits", "ok", "thirty commits", full)
    largest = (1 << 48) - 1
    last = {**nothing, 1: largest, 3: (1 << 63) - 1, 9: (1 << 64) - 1, 8: [(1 << 64) - 1, bytes(32)]}
    add("last", "ok", "the highest numbers", last, at=largest)

    for name, expect, note, body in spoilt(f.cbor(fields), fields):
        add(name, expect, note, body=body)
    head = f.cbor({n: fields[n] for n in range(5)})
    head = bytes([0xAA]) + head[1:]
    add("absurd-commits", "malformed", "an array of 2^62 commits", body=head + b"\5\x9b\x40" + bytes(7))
    add("absurd-reply", "malformed", "a reply of 2^63 bytes", body=head + b"\5\x81\x84\x50" + bytes(16) + b"\x50" + bytes(16) + b"\x5b\x80" + bytes(7))
    wrong = {
        "short-id": {5: [[bytes(15), bytes(16), b"", True]]},
        "keyed-number": {5: [[bytes(16), bytes(16), b"", 1]]},
        "unknown-kind": {6: [[b"\x77" + put[0][1:], *put[1:]]]},
        "short-key": {6: [[put[0][:16], *put[1:]]]},
        "key-of-eight": {7: [entry(0, key=bytes(8))]},
        "wide-key-version": {7: [entry(0, key_version=1 << 32)]},
        "nine-fields": {7: [entry(0)[:9]]},
        "negative-count": {9: -1},
        "wide-time": {3: 1 << 63},
    }
    for name, changed in wrong.items():
        add(name, "malformed", name.replace("-", " "), body=f.cbor({**fields, **changed}))
    contradictions = {
        "other-epoch": {1: 43},
        "log-changed": {6: [[f.log_key(42), *put[1:]]]},
        "new-of-other-epoch": {6: [[put[0], 0, f.generation(41, 0), *put[3:]]]},
        "old-of-later-epoch": {6: [[put[0], f.generation(43, 0), put[2], *put[3:]]]},
        "not-newer": {6: [[put[0], put[2], put[2], *put[3:]]]},
        "deleted-with-tag": {6: [[delete[0], delete[1], 0, det("tag", 16), bytes(8)]]},
        "deleted-with-name": {6: [[*delete[:4], det("name", 8)]]},
        "deleted-nothing": {6: [[delete[0], 0, 0, bytes(16), bytes(8)]]},
    }
    for name, changed in contradictions.items():
        add(name, "contradiction", name.replace("-", " "), body=f.cbor({**fields, **changed}))
    add("deleted-of-later-epoch", "contradiction", "a deletion of what a later batch wrote", body=f.cbor({**fields, 6: [[delete[0], f.generation(43, 0), 0, bytes(16), bytes(8)]]}))
    add("old-of-epoch-zero", "contradiction", "an old generation of epoch 0", body=f.cbor({**fields, 6: [[put[0], 5, *put[2:]]]}))
    add("empty-of-other-epoch", "contradiction", "a batch without changes, of another epoch than its place", body=f.cbor({**nothing, 1: 43}))
    elsewhere = f.seal_record(STORE_KEY, STORE_KEY_ID, f.log_key(43), f.generation(43, 0xFFFF), f.cbor(fields), det("log e", 24))
    add("other-place", "generation", "the log record of epoch 43 at the place of 42", sealed=elsewhere)


def snapshots():
    epoch = 10_000
    keys = [f.record_key(2), f.record_key(5)] + sorted(f.record_key(0x11, uuid(f"snap {n}")) for n in range(20))
    entries = [(key, f.generation(9_000 + n, n), det(f"snap tag {n}", 16), det(f"snap name {n}", 8) if key[0] == 0x11 else bytes(8)) for n, key in enumerate(keys)]
    commits = [(uuid(f"commit {n}"), 9_990 + n, TIME + n) for n in range(3)]
    log_hash = det("snapshot log hash", 32)

    def add(name, expect, note, entries=entries, commits=commits, page=0, pages=1, body=None, at=epoch, count=None, **changed):
        if body is None:
            body = f.encode_page(at, page, pages, INCARNATION, log_hash, entries, commits, len(entries) if count is None else count)
        place = f.snapshot_key(epoch, page)
        sealed = f.seal_record(STORE_KEY, STORE_KEY_ID, place, f.generation(epoch, 0xFFFE), body, det("snapshot " + name, 24))
        content = {
            "key": STORE_KEY, "store_key_id": STORE_KEY_ID, "epoch": epoch, "page": page, "pages": pages,
            "incarnation": INCARNATION, "log_hash": log_hash, "record_count": len(entries) if count is None else count,
            "sealed": sealed, "body": body,
            "entries": [dict(zip(("key", "generation", "tag", "name_tag"), e)) for e in entries],
            "commits": [dict(zip(("id", "epoch", "time"), c)) for c in commits],
        }  # fmt: skip
        case("snapshot", name, expect, note, **{**content, **changed})

    add("page", "ok", "the only page of a snapshot")
    add("empty", "ok", "an index without records", entries=[], commits=[])
    add("second-page", "ok", "page 1 of 3", page=1, pages=3, count=60)
    good = f.encode_page(epoch, 0, 1, INCARNATION, log_hash, entries, commits, len(entries))
    for name, expect, note, body in spoilt(good, f.uncbor(good)):
        add(name, expect, note, body=body)
    add("beyond", "malformed", "page 1 of 1", page=1, pages=1)
    add("other-page", "malformed", "page 1 at the place of page 0", body=f.encode_page(epoch, 1, 2, INCARNATION, log_hash, entries, commits, 22))
    add("other-epoch", "malformed", "the page of another epoch", body=f.encode_page(epoch + 1, 0, 1, INCARNATION, log_hash, entries, commits, 22))
    wrong = {
        "entries-order": (entries[::-1], commits),
        "entry-twice": (entries[:1] * 2, commits),
        "log-entry": ([(f.log_key(5), f.generation(5, 0xFFFF), bytes(16), bytes(8))], commits),
        "unknown-kind": ([(b"\x99" + bytes(16), f.generation(5, 1), bytes(16), bytes(8))], commits),
        "no-generation": ([(keys[0], 0, bytes(16), bytes(8))], commits),
        "wide-time": (entries, [(bytes(16), 1, 1 << 63)]),
    }
    for name, (some, keyed) in wrong.items():
        add(name, "malformed", name.replace("-", " "), body=f.encode_page(epoch, 0, 1, INCARNATION, log_hash, some, keyed, 22))
    uneven = f.uncbor(good)
    add("uneven-entries", "malformed", "48 bytes of an entry", body=f.cbor({**uneven, 6: uneven[6][:-1]}))
    add("uneven-commits", "malformed", "33 bytes of commits", body=f.cbor({**uneven, 7: uneven[7][:33]}))


# ---- anchor ----


def anchors():
    root = f.root_id(ROOT_KEY)
    log_hash = det("anchor log hash", 32)
    names = ("counter", "store_id", "incarnation", "root_id", "epoch", "authenticator", "audit_seq", "audit_head")

    def add(name, expect, note, slot=None, epoch=42, count=100, counter=9, path="/var/lib/strongroom"):
        auth = f.authenticator(ROOT_KEY, STORE_ID, INCARNATION, epoch, count, log_hash)
        content = (counter, STORE_ID, INCARNATION, root, epoch, auth, 1234, det("audit head", 32))
        case(
            "anchor", name, expect, note, root_key=ROOT_KEY, record_count=count, log_hash=log_hash, path=path,
            file_name=f.anchor_name(path), **dict(zip(names, content)),
            slot=f.encode_slot(*content) if slot is None else slot,
        )  # fmt: skip

    def summed(data):
        return data[:152] + f.zlib.crc32(data[:152]).to_bytes(4, "big")

    add("slot", "ok", "a slot")
    add("last", "ok", "the highest numbers", epoch=(1 << 48) - 1, count=(1 << 64) - 1, counter=(1 << 64) - 1, path="/srv/tresor \u00e9")
    good = CASES["anchor", "slot"]["slot"]
    add("empty", "empty", "a slot that was never written", bytes(156))
    add("magic", "magic", "another magic", summed(patched(good, 0, b"X")))
    add("format", "format", "format 2", summed(patched(good, 8, b"\2")))
    for offset in (9, 15):
        add(f"reserved-{offset}", "reserved", "a reserved byte is set", summed(patched(good, offset, b"\1")))
    add("torn", "checksum", "the second half is that of another write", good[:80] + bytes(76))
    add("checksum", "checksum", "one bit flipped", patched(good, 100, bytes([good[100] ^ 1])))
    add("short", "length", "155 bytes", good[:-1])
    add("long", "length", "157 bytes", good + b"\0")
