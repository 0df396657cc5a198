"""The vectors of the formats: what is valid, and one fault at a time of what is not.

Everything is derived from fixed labels, so that the same bytes come out on every run.
"""

import copy
import hashlib
import hmac

import formats as f

CASES = {}


def det(label, length):
    """Fixed bytes that look random."""
    out, counter = b"", 0
    while len(out) < length:
        out += hashlib.sha256(f"strongroom vector {label} {counter}".encode()).digest()
        counter += 1
    return out[:length]


def uuid(label, version=7):
    raw = bytearray(det(label, 16))
    raw[6] = raw[6] & 15 | version << 4
    raw[8] = raw[8] & 63 | 128
    return bytes(raw)


def case(form, name, expect, note, **content):
    assert (form, name) not in CASES
    CASES[form, name] = {"expect": expect, "note": note, **content}


def patched(data, offset, replacement):
    return data[:offset] + replacement + data[offset + len(replacement) :]


ROOT_KEY = det("root key", 32)
STORE_KEY = det("store key", 32)
STORE_KEY_ID = f.store_key_id(STORE_KEY)
STORE_ID = uuid("store", 4)
INCARNATION = uuid("incarnation", 4)
TIME = 1_764_000_000_123


# ---- record ----


def records():
    key = f.record_key(0x11, uuid("secret"))
    gen = f.generation(7, 3)
    body = f.cbor({0: 1, 1: "ftp/acme", 2: TIME})
    nonce = det("record nonce", 24)
    base = {"key": STORE_KEY, "record_key": key, "store_key_id": STORE_KEY_ID, "generation": gen}

    def add(name, expect, note, sealed, **changed):
        content = {**base, "tag": sealed[-48:-32], "body": body, "sealed": sealed, **changed}
        case("record", name, expect, note, **content)

    good = f.seal_record(STORE_KEY, STORE_KEY_ID, key, gen, body, nonce)
    add("secret", "ok", "a record of kind secret", good)
    kinds = {
        "key": 0x10, "secret-version": 0x12, "token": 0x13, "quarantine": 7, "instance": 5, "proof": 6,
    }  # fmt: skip
    for name, kind in kinds.items():
        place = f.record_key(kind, bytes(16) if kind in (5, 6) else uuid(name, 8 if kind == 7 else 7))
        sealed = f.seal_record(STORE_KEY, STORE_KEY_ID, place, gen, body, det(name, 24))
        add(name, "ok", f"a record of kind {name}", sealed, record_key=place)
    empty = f.seal_record(STORE_KEY, STORE_KEY_ID, key, gen, b"", nonce)
    add("empty-body", "ok", "the shortest record there is: 88 bytes", empty, body=b"")
    last = f.generation((1 << 48) - 1, 0xFFFD)
    sealed = f.seal_record(STORE_KEY, STORE_KEY_ID, key, last, body, nonce)
    add("last-generation", "ok", "the highest epoch and index", sealed, generation=last)
    longer = det("long body", 3000)
    sealed = f.seal_record(STORE_KEY, STORE_KEY_ID, key, gen, longer, nonce)
    add("long-body", "ok", "a body of 3,000 bytes", sealed, body=longer)

    add("length", "length", "one byte short of the shortest record", empty[:-1])
    add("format", "format", "format 2", patched(good, 0, b"\2"))
    add("kind", "kind", "kind token at the place of a secret", patched(good, 1, b"\x13"))
    add("suite", "suite", "suite 0x0002", patched(good, 2, b"\0\2"))
    add("no-store-key", "store_key", "store key id 0 on a record that is not the keyring", patched(good, 4, bytes(4)))
    add("no-generation", "generation", "generation 0", patched(good, 8, bytes(8)))
    add("epoch-zero", "generation", "epoch 0, index 3", patched(good, 8, bytes(7) + b"\3"))
    add("log-generation", "generation", "the index of a log record on a secret", patched(good, 14, b"\xff\xff"))
    add("protector", "not_sealed", "the place of a protector", patched(good, 1, b"\1"), record_key=b"\1" + key[1:])
    keyring = f.seal_record(STORE_KEY, STORE_KEY_ID, f.record_key(2), gen, body, nonce)
    add("keyring-under-store-key", "store_key", "a keyring with a store key id", keyring, record_key=f.record_key(2))
    add("other-store-key-id", "unauthentic", "the store key id was changed", patched(good, 7, bytes([good[7] ^ 1])))
    add("other-generation", "unauthentic", "the generation was changed", patched(good, 8, gen.to_bytes(8, "big")[:7] + b"\4"))
    add("other-place", "unauthentic", "the record lies at another id", good, record_key=f.record_key(0x11, uuid("other")))
    add("other-key", "unauthentic", "another store key", good, key=det("other key", 32))
    for name, offset in (("nonce", 16), ("ciphertext", 40), ("tag", -33), ("commitment", -1)):
        offset %= len(good)
        sealed = patched(good, offset, bytes([good[offset] ^ 0x80]))
        add(f"flipped-{name}", "unauthentic", f"one bit of the {name} is flipped", sealed)
    add("extended", "unauthentic", "one byte more at the end", good + b"\0")
    add("cut", "unauthentic", "one byte less at the end", good[:-1])


# ---- value ----


def values():
    secret = f.record_key(0x12, uuid("secret version"))
    key, key_id = det("application key", 32), uuid("application key")
    place = f.place_in_record(secret, 7, 1)
    base = {"key": key, "purpose": 1, "key_id": key_id, "key_version": 1, "place": place, "plaintext": b"s3cret"}

    def add(name, expect, note, sealed=None, **changed):
        v = {**base, **changed}
        if sealed is None:
            nonce = det("value " + name, 24)
            sealed = f.seal_value(v["key"], v["purpose"], v["key_id"], v["key_version"], v["place"], v["plaintext"], nonce)
        case("value", name, expect, note, **{**v, "sealed": sealed, "text": v.get("text", f.value_text(sealed))})

    add("in-record", "ok", "a value inside a secret version")
    add("empty", "ok", "an empty plaintext: 96 bytes", plaintext=b"")
    add("binary", "ok", "every byte value", plaintext=bytes(range(256)))
    for purpose in (2, 3, 4, 5, 6, 7, 8):
        add(f"purpose-{purpose}", "ok", f"purpose {purpose}", purpose=purpose)
    wrapped = f.place_in_record(f.record_key(0x10, uuid("key record")), 7, 3)
    add("wrapped-key", "ok", "an application key under the wrap key", purpose=32, place=wrapped, plaintext=det("k", 32))
    add("last-version", "ok", "the highest key version", key_version=0xFFFFFFFF)
    contexts = {
        "context-empty": [],
        "context-one": [["tenant", "acme"]],
        "context-order": [["b", "2"], ["a", "1"], ["aa", ""], ["\u00e9", "\U0001f512"]],
        "context-full": [[f"{n:02}" + "n" * 254, "t" * 256] for n in range(16)],
    }
    for name, pairs in contexts.items():
        add(name, "ok", "a value for an application", place=f.place_with_context(pairs), context=pairs, purpose=6)

    good = f.seal_value(key, 1, key_id, 1, place, b"s3cret", det("good value", 24))
    add("length", "length", "one byte short of the shortest value", good[:24] + bytes(71))
    add("format", "format", "format 2", patched(good, 0, b"\2"))
    add("purpose", "purpose", "purpose 9 is not known", patched(good, 1, b"\x09"))
    add("suite", "suite", "suite 0x0000", patched(good, 2, b"\0\0"))
    add("key-version-zero", "key_version", "key version 0", patched(good, 20, bytes(4)))
    add("other-purpose", "other_purpose", "a value of purpose 1 opened for purpose 2", good, purpose=2)
    add("purpose-changed", "unauthentic", "the purpose was changed from 1 to 2", patched(good, 1, b"\2"), purpose=2)
    add("key-id-changed", "unauthentic", "the key id was changed", patched(good, 19, bytes([good[19] ^ 1])))
    add("key-version-changed", "unauthentic", "the key version was changed", patched(good, 23, b"\2"))
    add("other-record", "unauthentic", "opened in another record", good, place=f.place_in_record(f.record_key(0x12, uuid("x")), 7, 1))
    add("other-field", "unauthentic", "opened in another field", good, place=f.place_in_record(secret, 8, 1))
    add("other-version", "unauthentic", "opened as another version", good, place=f.place_in_record(secret, 7, 2))
    add("no-context", "unauthentic", "opened with an empty context", good, place=f.place_with_context([]))
    swapped = f.place_with_context([["ab", "c"]])
    sealed = f.seal_value(key, 6, key_id, 1, f.place_with_context([["a", "bc"]]), b"x", det("shift", 24))
    add("context-shifted", "unauthentic", "a byte moved from text to name", sealed, purpose=6, place=swapped)
    for name, offset in (("nonce", 24), ("ciphertext", 48), ("tag", -33), ("commitment", -1)):
        offset %= len(good)
        add(f"flipped-{name}", "unauthentic", f"one bit of the {name} is flipped", patched(good, offset, bytes([good[offset] ^ 1])))
    text = f.value_text(good)
    add("text-prefix", "prefix", "another prefix", good, text="SR1." + text[4:])
    add("text-padding", "encoding", "padding", good, text=text + "=" * (-len(text[4:]) % 4 or 4))
    add("text-alphabet", "encoding", "a character of the other alphabet", good, text="sr1.+" + text[5:])
    add("text-space", "encoding", "a line feed at the end", good, text=text + "\n")
    odd = next(n for n in range(97, 100) if n % 3 == 1)
    longer = f.seal_value(key, 1, key_id, 1, place, bytes(odd - 96), det("odd", 24))
    bits = f.value_text(longer)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    bits = bits[:-1] + alphabet[alphabet.index(bits[-1]) | 1]
    add("text-trailing-bits", "encoding", "the last character has bits beyond the bytes", longer, text=bits, plaintext=bytes(odd - 96))


def contexts():
    def add(name, expect, note, place, context=None):
        case("context", name, expect, note, place=place, context=context or [])

    one = f.place_with_context([["tenant", "acme"]])
    add("one", "ok", "one pair", one, [["tenant", "acme"]])
    add("empty", "ok", "no pair", f.place_with_context([]))
    pair = lambda name, text: len(name).to_bytes(4, "big") + name + len(text).to_bytes(4, "big") + text
    two = lambda *pairs: b"\1" + len(pairs).to_bytes(4, "big") + b"".join(pair(*p) for p in pairs)
    bad = {
        "nothing": b"",
        "other-form": b"\0" + one[1:],
        "extended": one + b"\0",
        "cut": one[:-1],
        "order": two((b"b", b""), (b"a", b"")),
        "twice": two((b"a", b"1"), (b"a", b"2")),
        "no-name": two((b"", b"1")),
        "long-name": two((b"n" * 257, b"")),
        "long-text": two((b"n", b"t" * 257)),
        "not-utf8": two((b"n", b"\xff")),
        "seventeen": two(*((b"%02d" % n, b"") for n in range(17))),
        "absurd-count": b"\1\xff\xff\xff\xff",
        "absurd-length": b"\1\0\0\0\1\xff\xff\xff\xff" + b"a",
    }
    for name, place in bad.items():
        add(name, "malformed", name.replace("-", " "), place)


# ---- keyring ----


def store_entry(label, created=TIME):
    key = det(label, 32)
    return [f.store_key_id(key), key, created]


def keyrings():
    gen = f.generation(1, 0)
    wrap = [uuid("wrap key"), 1, det("wrap key", 32), TIME]
    first = store_entry("store key")

    def add(name, expect, note, stores, wraps, body=None, root=ROOT_KEY, sealed=None):
        body = body if body is not None else f.encode_keyring(stores, wraps)
        if sealed is None:
            sealed = f.seal_record(f.keyring_key(ROOT_KEY), 0, f.record_key(2), gen, body, det("keyring " + name, 24))
        case(
            "keyring", name, expect, note,
            root_key=root, generation=gen, sealed=sealed, body=body,
            store_keys=[dict(zip(("id", "key", "created_at"), e)) for e in stores],
            wrap_keys=[dict(zip(("id", "version", "key", "created_at"), e)) for e in wraps],
        )  # fmt: skip

    add("first", "ok", "the keyring of a new store", [first], [wrap])
    many = [store_entry(f"store key {n}", TIME + n) for n in range(30)]
    wraps = [wrap, [wrap[0], 2, det("wrap key 2", 32), TIME + 5], [uuid("wrap 3"), 1, det("wrap key 3", 32), TIME + 9]]
    add("many", "ok", "thirty store keys, three wrap keys", many, wraps)
    add("early", "ok", "a key made before 1970", [store_entry("store key", -1)], [wrap])

    add("no-store-key", "malformed", "no store key", [], [wrap])
    add("no-wrap-key", "malformed", "no wrap key", [first], [])
    add("other-id", "store_key_id", "an id that the key does not give", [[first[0] ^ 1, *first[1:]]], [wrap])
    add("store-key-twice", "twice", "one store key twice", [first, first], [wrap])
    add("wrap-key-twice", "twice", "one id and version twice", [first], [wrap, wrap])
    add("short-key", "malformed", "a store key of 31 bytes", [[first[0], first[1][:31], TIME]], [wrap])
    good = f.encode_keyring([first], [wrap])
    for name, expect, note, body in spoilt(good, {0: 1, 1: [first], 2: [wrap]}):
        add(name, expect, note, [first], [wrap], body=body)
    add("absurd-length", "malformed", "an array of 2^62 items", [first], [wrap], body=b"\xa3\0\1\1\x9b\x40" + bytes(7))
    sealed = f.seal_record(f.keyring_key(ROOT_KEY), 0, f.record_key(2), gen, good, det("keyring other root", 24))
    add("other-root", "unauthentic", "another root key", [first], [wrap], root=det("other root", 32), sealed=sealed)


def spoilt(good, fields):
    """One fault at a time in a body that is deterministic CBOR."""
    assert f.cbor(fields) == good and len(fields) < 23
    count = len(fields)
    newer = f.cbor({**fields, 0: 2})
    last = max(fields)
    reverse = bytes([0xA0 | count]) + b"".join(f.cbor(n) + f.cbor(fields[n]) for n in reversed(sorted(fields)))
    yield "newer", "newer", "version 2", newer
    yield "newer-and-unknown", "newer", "version 300, and fields nobody knows yet", f.cbor({**fields, 0: 300, 200: "x"})
    yield "newer-other-shape", "newer", "version 2 with fields of other types", f.cbor({0: 2, 1: {5: True}})
    yield "version-zero", "malformed", "version 0", f.cbor({**fields, 0: 0})
    yield "no-version", "malformed", "no version", f.cbor({n: fields[n] for n in fields if n})
    yield "unknown-field", "malformed", "a field that version 1 does not have", f.cbor({**fields, 99: 1})
    yield "missing-field", "malformed", "the last field is missing", f.cbor({n: fields[n] for n in fields if n != last})
    yield "long-form", "malformed", "the version in two bytes", good[:2] + b"\x18\x01" + good[3:]
    yield "indefinite", "malformed", "a map of indefinite length", b"\xbf" + good[1:] + b"\xff"
    yield "order", "malformed", "fields in falling order", reverse
    twice = bytes([good[0] + 1]) + good[1:] + f.cbor(last) + f.cbor(fields[last])
    yield "field-twice", "malformed", "the last field twice", twice
    yield "extended", "malformed", "one byte more", good + b"\0"
    yield "cut", "malformed", "one byte less", good[:-1]
    yield "nothing", "malformed", "no bytes", b""
    yield "not-a-map", "malformed", "an array", f.cbor([0, 1])


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


# ---- protector ----


def protectors():
    gen = f.generation(1, 1)
    bound = {
        "account": [["user", "strongroom"], ["uid", "998"]],
        "machine": [["host", "vault-1"], ["machine_id_sha256", det("machine id", 32).hex()]],
        "password": [],
    }

    def fields_of(kind, **changed):
        ident = uuid("protector " + kind, 4)
        wrapped = f.wrap_root(det("wrapping " + kind, 32), STORE_ID, ident, kind, ROOT_KEY, det("wrap " + kind, 24))
        fields = {0: 1, 1: STORE_ID, 2: ident, 3: kind, 4: bound.get(kind, []), 5: TIME, 6: det("salt " + kind, 32), 8: wrapped}
        if kind == "password":
            fields[7] = [1, 262_144, 3, 4]
        fields.update(changed.pop("fields", {}))
        for gone in changed.pop("without", ()):
            del fields[gone]
        return fields

    def add(name, expect, note, kind="account", body=None, stored=None, key=None, root=ROOT_KEY, generation=gen, **changed):
        fields = fields_of(kind, **changed)
        key = key or f.record_key(1, fields[2])
        body = f.cbor(fields) if body is None else body
        stored = f.encode_protector(ROOT_KEY, f.record_key(1, fields[2]), generation, body) if stored is None else stored
        names = ("store_id", "protector_id", "kind", "bound_to", "created_at", "salt", "parameters", "wrapped")
        content = {name: fields[n] for n, name in enumerate(names, 1) if n in fields}
        case(
            "protector", name, expect, note, root_key=root, wrapping_key=det("wrapping " + kind, 32), record_key=key,
            generation=generation, body=body, stored=stored, fields=content,
            thumbprint=hashlib.sha256(fields[8]).digest(),
        )  # fmt: skip

    for kind in ("account", "machine", "password"):
        add(kind, "ok", f"a protector of kind {kind}", kind)
    add("pbkdf2", "ok", "a password under PBKDF2", "password", fields={7: [2, 600_000, 0, 0]})
    add("floor", "ok", "the least that is accepted", "password", fields={6: det("s", 16), 7: [1, 65_536, 1, 1], 5: -1})
    add("ceiling", "ok", "the most that is accepted", "password", fields={7: [1, 1_048_576, 64, 16]})
    add("bound-to-much", "ok", "sixteen pairs, texts in other scripts", fields={4: [[f"name {n}", "\u00fc\u4e16\U0001f512"] for n in range(16)]})

    good = CASES["protector", "account"]
    stored, key = good["stored"], good["record_key"]
    add("place", "place", "the place of a secret", key=f.record_key(0x11, key[1:]))
    add("short", "length", "48 bytes", stored=stored[:48])
    add("long", "length", "4,097 bytes", stored=stored + bytes(4097 - len(stored)))
    heads = {
        "format": (0, b"\2"), "kind": (1, b"\2"), "suite": (2, b"\0\1"), "store-key": (7, b"\1"),
        "no-generation": (8, bytes(8)), "log-generation": (14, b"\xff\xff"),
    }  # fmt: skip
    for name, (offset, replacement) in heads.items():
        add("head-" + name, "head", name.replace("-", " "), stored=patched(stored, offset, replacement))
    add("mac", "mac", "one bit of the MAC flipped", stored=patched(stored, len(stored) - 1, bytes([stored[-1] ^ 1])))
    add("other-root", "mac", "another root key", root=det("other root", 32))
    add("generation-changed", "mac", "the generation was changed", stored=patched(stored, 15, b"\2"), generation=f.generation(1, 2))
    add("salt-changed", "mac", "one bit of the salt flipped", stored=stored.replace(good["fields"]["salt"], good["fields"]["salt"][:-1] + b"\0"))
    for name, expect, note, body in spoilt(f.cbor(fields_of("account")), fields_of("account")):
        add("body-" + name, expect if body else "length", note, body=body)
    add("unknown-kind", "unknown_kind", "a kind that this version does not know", "hsm")
    add("odd-kind", "malformed", "a kind with a line feed", fields={3: "acc\nount"})
    add("long-kind", "malformed", "a kind of 33 characters", fields={3: "k" * 33})
    add("other-id", "other_id", "another id than its place", key=f.record_key(1, uuid("elsewhere", 4)))
    add("seventeen-pairs", "bound_to", "seventeen pairs", fields={4: [["n", "t"]] * 17})
    add("long-text", "bound_to", "a text of 257 bytes", fields={4: [["n", "t" * 257]]})
    add("control-text", "bound_to", "an escape sequence", fields={4: [["host", "\x1b[2J"]]})
    add("control-name", "bound_to", "a C1 control character", fields={4: [["ho\u0085st", "x"]]})
    add("three-texts", "malformed", "a pair of three", fields={4: [["a", "b", "c"]]})
    add("short-salt", "salt", "15 bytes of salt", fields={6: det("s", 15)})
    add("long-salt", "salt", "33 bytes of salt", fields={6: det("s", 33)})
    add("short-wrapped", "malformed", "103 bytes of wrapped key", fields={8: bytes(103)})
    add("no-parameters", "parameters_misplaced", "a password without parameters", "password", without=(7,))
    add("parameters", "parameters_misplaced", "an account with parameters", fields={7: [1, 262_144, 3, 4]})
    costs = {
        "memory-low": [1, 65_535, 3, 4], "memory-high": [1, 1_048_577, 3, 4], "passes-none": [1, 262_144, 0, 4],
        "passes-high": [1, 262_144, 65, 4], "lanes-none": [1, 262_144, 3, 0], "lanes-high": [1, 262_144, 3, 17],
        "iterations-low": [2, 599_999, 0, 0], "iterations-high": [2, 100_000_001, 0, 0],
    }  # fmt: skip
    for name, cost in costs.items():
        add(name, "parameters", name.replace("-", " "), "password", fields={7: cost})
    add("algorithm", "algorithm", "algorithm 3", "password", fields={7: [3, 1, 1, 1]})
    add("pbkdf2-numbers", "malformed", "PBKDF2 with a third number", "password", fields={7: [2, 600_000, 0, 1]})
    add("wide-memory", "malformed", "memory beyond 32 bits", "password", fields={7: [1, 1 << 32, 3, 4]})


# ---- audit line ----


def uuid_text(raw):
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def audit_lines():
    base = {
        "seq": 18, "time": "2025-11-24T16:00:00.123Z", "node": "vault-1", "principal": "uid:1000", "remote": "unix",
        "operation": "secret.put", "target": "ftp/acme", "key": uuid_text(uuid("application key")), "key_version": 1,
        "outcome": "ok", "request": uuid_text(uuid("request")), "epoch": 42, "index": 0, "anchor": det("anchor", 32).hex(),
        "prev": det("prev", 32).hex(), "mac": det("mac", 16).hex(),
    }  # fmt: skip

    def add(name, expect, note, fields, line=None):
        line = f.render_line(fields).decode() if line is None else line
        fields = {n: fields[n] for n in f.LINE_FIELDS if n in fields}
        case(
            "audit_line", name, expect, note, line=line, fields=fields,
            without_mac=f.render_line(fields, ("mac",)).decode(),
            without_signature=f.render_line(fields, ("mac", "signature")).decode(),
        )  # fmt: skip

    def without(*names, **changed):
        return {n: v for n, v in {**base, **changed}.items() if n not in names}

    add("change", "ok", "the last line of a batch", base)
    small = without("remote", "target", "key", "key_version", "request", "epoch", "index", "anchor", "mac")
    add("locked", "ok", "a line of the locked server", {**small, "operation": "server.start", "principal": "system"})
    first = {**small, "seq": 1, "operation": "audit.begin", "prev": "0" * 64, "checkpoint": {"number": 0, "next_key": det("key 0", 32).hex()}}
    add("begin", "ok", "line 1", first)
    signed = {"number": 1, "next_key": det("key 1", 32).hex(), "signature": det("signature", 64).hex()}
    add("checkpoint", "ok", "a signed checkpoint", {**small, "operation": "audit.checkpoint", "checkpoint": signed, "mac": base["mac"]})
    add("batch-request", "ok", "a batch read", without("epoch", "index", "anchor", operation="secret.get", count=250))
    odd = 'quote " backslash \\ tab \t line \r\n nul \0 delete \x7f e-acute \u00e9 bidi \u202e lock \U0001f512 slash /'
    add("escapes", "ok", "everything that has to be escaped", {**base, "target": odd})
    add("forgery", "ok", "a name that tries to be a line", {**base, "target": '"}\n{"seq":19'})
    add("largest", "ok", "the highest numbers", {**base, "seq": (1 << 64) - 1, "epoch": (1 << 64) - 1, "index": (1 << 32) - 1, "time": "9999-12-30T22:00:00.999Z"})
    add("oldest", "ok", "the first moment", {**base, "time": "0000-01-01T00:00:00.000Z"})

    good = f.render_line(base).decode()
    texts = {
        "torn": ("json", good[:-20]),
        "nothing": ("json", ""),
        "array": ("json", "[]"),
        "two": ("json", good + good),
        "unknown-field": ("json", good[:-1] + ',"extra":1}'),
        "field-twice": ("json", good.replace('"seq":18', '"seq":18,"seq":18')),
        "no-seq": ("json", good.replace('"seq":18,', "")),
        "negative-seq": ("json", good.replace('"seq":18', '"seq":-18')),
        "float-seq": ("json", good.replace('"seq":18', '"seq":18.0')),
        "text-seq": ("json", good.replace('"seq":18', '"seq":"18"')),
        "wide-index": ("json", good.replace('"index":0', '"index":4294967296')),
        "lone-surrogate": ("json", good.replace("ftp/acme", "\\ud800")),
        "raw-line-feed": ("json", good.replace("ftp/acme", "ftp\nacme")),
        "raw-delete": ("form", good.replace("ftp/acme", "ftp\x7facme")),
        "raw-unicode": ("form", good.replace("ftp/acme", "\u00e9")),
        "short-escape": ("form", good.replace("ftp/acme", "ftp\\nacme")),
        "upper-case-escape": ("form", good.replace("ftp/acme", "\\u00E9")),
        "needless-escape": ("form", good.replace("ftp/acme", "\\u0041")),
        "slash-escape": ("form", good.replace("ftp/acme", "ftp\\/acme")),
        "space": ("form", good.replace(",", ", ", 1)),
        "line-feed": ("form", good + "\n"),
        "order": ("form", good.replace('"seq":18,"time":"2025-11-24T16:00:00.123Z"', '"time":"2025-11-24T16:00:00.123Z","seq":18')),
        "empty-target": ("form", good.replace("ftp/acme", "")),
        "upper-case-key": ("form", good.replace(base["key"], base["key"].upper())),
        "upper-case-prev": ("field", good.replace(base["prev"], base["prev"].upper())),
        "short-prev": ("field", good.replace(base["prev"], base["prev"][:-2])),
        "odd-anchor": ("field", good.replace(base["anchor"], base["anchor"][:-1] + "g")),
        "short-mac": ("field", good.replace(base["mac"], base["mac"][:-2])),
        "other-key": ("field", good.replace(base["key"], "secrets")),
        "time-offset": ("field", good.replace("123Z", "123+00:00")),
        "time-seconds": ("field", good.replace(".123Z", "Z")),
        "time-leap": ("field", good.replace("16:00:00", "23:59:60")),
        "time-date": ("field", good.replace("11-24", "02-29")),
        "null": ("form", good.replace('"epoch":42', '"epoch":null')),
    }
    for name, (expect, line) in texts.items():
        assert line != good, name
        add(name, expect, name.replace("-", " "), base, line)


for make in (records, values, contexts, keyrings, logs, snapshots, anchors, protectors, audit_lines):
    make()
CASES = copy.deepcopy(CASES)
