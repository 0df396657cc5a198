"""Vectors of sealed records, sealed values, contexts and the keyring."""

import formats as f
from case_kit import ROOT_KEY, STORE_KEY, STORE_KEY_ID, TIME, case, det, patched, spoilt, uuid


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
