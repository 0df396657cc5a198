"""Vectors of two-tier values and streams."""

import formats as f
import streams as s
from case_kit import case, det, patched, uuid

KEY, KEY_ID, DATA_KEY = det("master key", 32), uuid("master key"), det("data key", 32)


def sealed_data_key(purpose, place, plaintext=DATA_KEY, version=1, nonce="data key"):
    return f.seal_value(KEY, purpose, KEY_ID, version, place, plaintext, det(nonce, 24))


# ---- two-tier values ----


def two_tiers():
    transaction = f.place_in_record(f.record_key(0x16, uuid("transaction")), 2, 1)
    step = f.place_in_record(f.record_key(0x17, uuid("step")), 3, 9)
    base = {
        "key": KEY, "key_id": KEY_ID, "key_version": 1, "purpose": 2, "data_key": DATA_KEY,
        "key_place": transaction, "place": step, "payload": b"<execute/>",
    }  # fmt: skip

    def add(name, expect, note, sealed=None, text=None, **changed):
        v = {**base, **changed}
        if sealed is None:
            wrapped = sealed_data_key(v["purpose"], v["key_place"], version=v["key_version"])
            sealed = s.seal_two_tier(DATA_KEY, v["purpose"], wrapped, v["place"], v["payload"], det("payload " + name, 24))
        case("two_tier", name, expect, note, **v, sealed=sealed, text=text or s.two_tier_text(sealed))

    add("transaction", "ok", "the step of a transaction, whose data key lies in the transaction's record")
    add("empty", "ok", "an empty payload: 204 bytes", payload=b"")
    add("binary", "ok", "every byte value", payload=bytes(range(256)))
    add("last-version", "ok", "the highest key version", key_version=0xFFFFFFFF)
    setting = f.place_in_record(f.record_key(0x18, uuid("setting")), 2, 1)
    add("setting", "ok", "a setting", purpose=3, key_place=setting, place=setting)
    pairs = [["tenant", "acme"], ["table", "orders"]]
    context = f.place_with_context(pairs)
    local = {"purpose": 6, "key_place": context, "place": context}
    add("context", "ok", "a value that an application sealed by itself", context=pairs, **local)
    empty = f.place_with_context([])
    add("no-context", "ok", "the same without context", purpose=6, key_place=empty, place=empty)

    wrapped = sealed_data_key(2, transaction)
    good = s.seal_two_tier(DATA_KEY, 2, wrapped, step, b"<execute/>", det("good", 24))
    add("length", "length", "one byte short of the shortest", good[:203])
    add("format", "format", "format 1, that of sealed values", patched(good, 0, b"\1"))
    add("purpose", "purpose", "secrets have no two-tier values", patched(good, 1, b"\1"))
    add("purpose-unknown", "purpose", "purpose 99", patched(good, 1, b"\x63"))
    add("suite", "suite", "suite 0x0002", patched(good, 3, b"\2"))
    add("data-key-format", "data_key", "the data key has format 2", patched(good, 4, b"\2"))
    add("data-key-suite", "data_key", "the data key has suite 0", patched(good, 7, b"\0"))
    add("data-key-version", "data_key", "the data key's key version is 0", patched(good, 24, bytes(4)))
    add("data-key-purpose", "data_key", "the data key was sealed for settings", patched(good, 5, b"\3"))
    add("other-purpose", "other_purpose", "sealed for transactions, opened for settings", good, purpose=3)
    add("other-step", "unauthentic", "opened in another step", good, place=f.place_in_record(f.record_key(0x17, uuid("x")), 3, 9))
    add("other-sequence", "unauthentic", "opened as the next of the sequence", good, place=step[:-1] + b"\x0a")
    other = f.place_in_record(f.record_key(0x16, uuid("other transaction")), 2, 1)
    add("other-transaction", "unauthentic_data_key", "opened in another transaction", good, key_place=other)
    add("other-master-key", "unauthentic_data_key", "another master key", good, key=det("other master key", 32))
    again = sealed_data_key(2, transaction, nonce="the same key, sealed again")
    add("other-wrapping", "unauthentic", "the same data key, sealed another time", good[:4] + again + good[132:])
    add("other-data-key", "unauthentic", "another data key", good[:4] + sealed_data_key(2, transaction, det("o", 32)) + good[132:])
    shifted = f.place_with_context([["a", "bc"]])
    moved = s.seal_two_tier(DATA_KEY, 6, sealed_data_key(6, shifted), shifted, b"x", det("shift", 24))
    add("context-shifted", "unauthentic", "a byte moved from text to name", moved, purpose=6,
        key_place=shifted, place=f.place_with_context([["ab", "c"]]))  # fmt: skip
    flips = (("data-key", 60, "unauthentic_data_key"), ("nonce", 132, "unauthentic"), ("ciphertext", 156, "unauthentic"),
             ("tag", -33, "unauthentic"), ("commitment", -1, "unauthentic"))  # fmt: skip
    for name, offset, expect in flips:
        offset %= len(good)
        add(f"flipped-{name}", expect, f"one bit of the {name} is flipped", patched(good, offset, bytes([good[offset] ^ 1])))
    add("extended", "unauthentic", "one byte more", good + b"\0")
    add("cut", "unauthentic", "one byte less", good[:-1])
    text = s.two_tier_text(good)
    add("text-prefix", "prefix", "the prefix of sealed values", good, text="sr1." + text[4:])
    add("text-padding", "encoding", "padding", good, text=text + "=" * (-len(text[4:]) % 4 or 4))
    add("text-alphabet", "encoding", "a character of the other alphabet", good, text="sr2.+" + text[5:])
    add("text-space", "encoding", "a line feed at the end", good, text=text + "\n")


# ---- streams ----


def whole_streams():
    """What the edits of other cases start from."""
    pairs = [["file", "backup.tar"], ["tenant", "7"]]
    context = f.place_with_context(pairs)
    wrapped = sealed_data_key(6, context)
    made = {}
    for name, length in (("empty", 0), ("short", 300), ("two-frames", 2 * s.FRAME)):
        salt = det("salt " + name, 32)
        made[name] = s.seal_stream(DATA_KEY, wrapped, salt, s.plaintext(length))
        note = f"a plaintext of {length} bytes"
        base = {"key": KEY, "key_id": KEY_ID, "key_version": 1, "data_key": DATA_KEY, "place": context, "context": pairs}
        case("stream", name, "ok", note, **base, salt=salt, length=length, stream=made[name])
    return made


def streams():
    made = whole_streams()

    def add(name, expect, note, of, *edits, **changed):
        case("stream", name, expect, note, of=of, edits=[list(edit) for edit in edits], **changed)

    add("magic", "magic", "another first byte", "short", ("put", 0, b"s"))
    add("text", "magic", "the text form of a value", "short", ("keep", 0), ("append", b"sr1.AAAA"))
    for length in (0, 3, 4, 171):
        add(f"header-{length}", "length", f"the first {length} bytes", "short", ("keep", length))
    add("format", "format", "format 2", "short", ("put", 4, b"\2"))
    add("purpose", "purpose", "purpose 2", "short", ("put", 5, b"\2"))
    add("suite", "suite", "suite 0x0001", "short", ("put", 7, b"\1"))
    add("frame-size", "frame_size", "frames of 65,537 bytes", "short", ("put", 11, b"\1"))
    add("frame-size-small", "frame_size", "frames of 1,024 bytes", "short", ("put", 8, b"\0\0\4\0"))
    add("data-key-format", "data_key", "the data key has format 2", "short", ("put", 12, b"\2"))
    add("data-key-purpose", "data_key", "the data key was sealed for settings", "short", ("put", 13, b"\3"))
    add("data-key-version", "unauthentic_data_key", "the data key's key version was changed", "short", ("put", 35, b"\2"))
    add("flipped-data-key", "unauthentic_data_key", "one bit of the data key", "short", ("flip", 70))
    context = f.place_with_context([["file", "backup.tar"], ["tenant", "8"]])
    add("other-context", "unauthentic_data_key", "opened with another context", "short", place=context)
    add("other-key", "unauthentic_data_key", "another application key", "short", key=det("other master key", 32))

    add("flipped-salt", "unauthentic", "one bit of the salt", "short", ("flip", 171))
    add("flipped-first", "unauthentic", "one bit of the ciphertext", "short", ("flip", 172))
    add("flipped-tag", "unauthentic", "one bit of the tag", "short", ("flip", len(made["short"]) - 1))
    add("flipped-in-empty", "unauthentic", "one bit of the only tag", "empty", ("flip", 172))
    add("header-only", "cut", "no frame", "short", ("keep", 172))
    add("cut-in-tag", "unauthentic", "fewer bytes than a tag", "short", ("keep", 187))
    add("cut-in-frame", "unauthentic", "one byte less", "short", ("keep", len(made["short"]) - 1))
    add("extended", "unauthentic", "one byte more, within the last frame", "short", ("append", b"\0"))
    add("extended-empty", "unauthentic", "one byte more than the empty stream", "empty", ("append", b"\0"))
    other = made["short"][172:]
    add("other-stream", "unauthentic", "the frame of a stream under the same data key", "empty", ("keep", 172), ("append", other))

    add("cut-at-frame", "cut", "the last frame is missing", "two-frames", ("frames", [0]))
    add("cut-in-first", "unauthentic", "half of the first frame", "two-frames", ("keep", 172 + s.FRAME // 2))
    add("cut-in-last", "unauthentic", "one byte of the last frame is missing", "two-frames", ("keep", len(made["two-frames"]) - 1))
    add("followed-by-byte", "followed", "one byte after a last frame that is full", "two-frames", ("append", b"\0"))
    add("followed-by-frame", "followed", "a frame after the last", "two-frames", ("frames", [0, 1, 0]))
    add("swapped", "unauthentic", "the frames change places", "two-frames", ("frames", [1, 0]))
    add("repeated", "unauthentic", "the first frame twice", "two-frames", ("frames", [0, 0, 1]))
    add("first-missing", "unauthentic", "only the last frame", "two-frames", ("frames", [1]))
    add("flipped-in-second", "unauthentic", "one bit of the second frame", "two-frames", ("flip", 172 + s.FRAME + 16))
    empty = s.Frames(DATA_KEY, made["two-frames"][:172]).seal(1, True, b"")
    add("empty-last", "unauthentic", "an authentic empty frame after a full one", "two-frames", ("frames", [0]), ("append", empty))
