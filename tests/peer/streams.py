"""Two-tier values and streams, written from docs/spec/two-tier.md and docs/spec/stream.md alone."""

import base64
import hashlib
import re
import struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import formats as f
from formats import need

# ---- two-tier values (two-tier.md) ----

TWO_TIER_PURPOSES = (2, 3, 4, 6)
SEALED_DATA_KEY = 96 + 32


def check_data_key(sealed, purpose):
    """A sealed data key's form."""
    try:
        found, _, _ = f.parse_value(sealed)
    except f.Refused:
        raise f.Refused("data_key") from None
    need(found == purpose, "data_key")


def open_data_key(master_key, place, sealed):
    data_key = f.cipher_open(master_key, b"strongroom/value/1" + sealed[:24] + place, sealed[24:])
    need(data_key is not None, "unauthentic_data_key")
    return data_key


def seal_two_tier(data_key, purpose, sealed_data_key, place, payload, nonce):
    head = struct.pack(">BBH", 2, purpose, 1) + sealed_data_key
    return head + f.cipher_seal(data_key, nonce, b"strongroom/two-tier/1" + head + place, payload)


def parse_two_tier(sealed):
    need(len(sealed) >= 4 + SEALED_DATA_KEY + 72, "length")
    form, purpose, suite = struct.unpack(">BBH", sealed[:4])
    need(form == 2, "format")
    need(purpose in TWO_TIER_PURPOSES, "purpose")
    need(suite == 1, "suite")
    check_data_key(sealed[4:132], purpose)
    return purpose, sealed[4:132]


def open_two_tier(master_key, purpose, key_place, place, sealed):
    found, sealed_data_key = parse_two_tier(sealed)
    need(found == purpose, "other_purpose")
    data_key = open_data_key(master_key, key_place, sealed_data_key)
    payload = f.cipher_open(data_key, b"strongroom/two-tier/1" + sealed[:132] + place, sealed[132:])
    need(payload is not None, "unauthentic")
    return sealed_data_key, data_key, payload


def two_tier_text(sealed):
    return "sr2." + base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()


def two_tier_from_text(text):
    need(text.startswith("sr2."), "prefix")
    need(re.fullmatch(r"[A-Za-z0-9_-]*", text[4:]) and len(text[4:]) % 4 != 1, "encoding")
    sealed = base64.urlsafe_b64decode(text[4:] + "=" * (-len(text[4:]) % 4))
    need(two_tier_text(sealed) == text, "encoding")
    return sealed


# ---- streams (stream.md) ----

FRAME = 65_536
HEADER = 172


class Frames:
    """The frames of the stream with this header."""

    def __init__(self, data_key, header):
        info = b"strongroom/stream/1" + hashlib.sha256(header).digest()
        okm = f.hkdf(header[140:172], data_key, info, 39)
        self.key, self.prefix = AESGCM(okm[:32]), okm[32:]

    def nonce(self, number, last):
        return self.prefix + struct.pack(">IB", number, last)

    def seal(self, number, last, plaintext):
        return self.key.encrypt(self.nonce(number, last), plaintext, b"")

    def open(self, number, last, frame):
        try:
            return self.key.decrypt(self.nonce(number, last), frame, b"")
        except InvalidTag:
            return None


def plaintext(length):
    """The plaintext of every stream that tests exchange."""
    return bytes((i * 7 + i // 251) % 256 for i in range(length))


def edited(stream, edits):
    """A stream with faults."""
    for verb, *words in edits:
        if verb == "keep":
            stream = stream[: words[0]]
        elif verb == "append":
            stream += words[0]
        elif verb == "put":
            stream = stream[: words[0]] + words[1] + stream[words[0] + len(words[1]) :]
        elif verb == "flip":
            stream = stream[: words[0]] + bytes([stream[words[0]] ^ 1]) + stream[words[0] + 1 :]
        elif verb == "frames":
            size = FRAME + 16
            frames = [stream[at : at + size] for at in range(HEADER, len(stream), size)]
            stream = stream[:HEADER] + b"".join(frames[number] for number in words[0])
        else:
            raise ValueError(verb)
    return stream


def stream_header(sealed_data_key, salt):
    return b"SRST" + struct.pack(">BBHI", 1, 6, 2, FRAME) + sealed_data_key + salt


def seal_stream(data_key, sealed_data_key, salt, plaintext):
    header = stream_header(sealed_data_key, salt)
    frames = Frames(data_key, header)
    starts = range(0, max(len(plaintext), 1), FRAME)
    sealed = [frames.seal(i, start == starts[-1], plaintext[start : start + FRAME]) for i, start in enumerate(starts)]
    return header + b"".join(sealed)


def parse_stream_header(header):
    need(header[:4] == b"SRST"[: len(header[:4])], "magic")
    need(len(header) >= HEADER, "length")
    form, purpose, suite, frame = struct.unpack(">BBHI", header[4:12])
    need(form == 1, "format")
    need(purpose == 6, "purpose")
    need(suite == 2, "suite")
    need(frame == FRAME, "frame_size")
    check_data_key(header[12:140], 6)
    return header[12:140]


def open_stream(master_key, place, stream):
    sealed_data_key = parse_stream_header(stream)
    data_key = open_data_key(master_key, place, sealed_data_key)
    frames, rest, plaintext = Frames(data_key, stream[:HEADER]), stream[HEADER:], b""
    number = 0
    while True:
        frame, rest = rest[: FRAME + 16], rest[FRAME + 16 :]
        last = rest == b""
        need(frame, "cut")
        need(len(frame) > 16 or number == 0, "unauthentic")
        opened = frames.open(number, last, frame) if len(frame) >= 16 else None
        if opened is None and len(frame) == FRAME + 16 and frames.open(number, not last, frame) is not None:
            raise f.Refused("cut" if last else "followed")
        need(opened is not None, "unauthentic")
        plaintext += opened
        number += 1
        if last:
            return sealed_data_key, data_key, plaintext
