"""Deterministic CBOR (RFC 8949, section 4.2), as the bodies of records use it: docs/spec/record.md."""

import struct


class Refused(Exception):
    """What a reader of the format says no to, by failure class."""

    def __init__(self, failure):
        super().__init__(failure)
        self.failure = failure


def need(condition, failure):
    if not condition:
        raise Refused(failure)


def cbor(item):
    if item is True or item is False:
        return b"\xf5" if item else b"\xf4"
    if isinstance(item, int):
        return cbor_head(0, item) if item >= 0 else cbor_head(1, -1 - item)
    if isinstance(item, bytes):
        return cbor_head(2, len(item)) + item
    if isinstance(item, str):
        text = item.encode()
        return cbor_head(3, len(text)) + text
    if isinstance(item, (list, tuple)):
        return cbor_head(4, len(item)) + b"".join(map(cbor, item))
    if isinstance(item, dict):
        pairs = b"".join(cbor(key) + cbor(item[key]) for key in sorted(item))
        return cbor_head(5, len(item)) + pairs
    raise TypeError(type(item))


def cbor_head(major, value):
    if value < 24:
        return bytes([major << 5 | value])
    for size, extra in ((1, 24), (2, 25), (4, 26), (8, 27)):
        if value < 1 << (8 * size):
            return bytes([major << 5 | extra]) + value.to_bytes(size, "big")
    raise ValueError(value)


def uncbor(data):
    """The one item that data is, when it is deterministic."""
    try:
        item, rest = uncbor_item(data, 0)
    except (IndexError, UnicodeDecodeError, RecursionError, struct.error):
        raise Refused("malformed") from None
    need(rest == b"", "malformed")
    return item


def uncbor_item(data, depth):
    need(data and depth < 16, "malformed")
    major, extra = data[0] >> 5, data[0] & 31
    if major == 7:
        need(data[0] in (0xF4, 0xF5), "malformed")
        return data[0] == 0xF5, data[1:]
    need(extra < 28, "malformed")
    size = 0 if extra < 24 else 1 << (extra - 24)
    need(len(data) > size, "malformed")
    value = extra if extra < 24 else int.from_bytes(data[1 : 1 + size], "big")
    need(cbor_head(major, value) == data[: 1 + size], "malformed")
    data = data[1 + size :]
    if major == 0:
        return value, data
    if major == 1:
        return -1 - value, data
    if major in (2, 3):
        need(len(data) >= value, "malformed")
        found, data = data[:value], data[value:]
        return (found if major == 2 else found.decode()), data
    if major == 4:
        items = []
        for _ in range(value):
            item, data = uncbor_item(data, depth + 1)
            items.append(item)
        return items, data
    need(major == 5, "malformed")
    pairs = {}
    for _ in range(value):
        key, data = uncbor_item(data, depth + 1)
        need(type(key) is int and all(key > other for other in pairs), "malformed")
        pairs[key], data = uncbor_item(data, depth + 1)
    return pairs, data


def version_first(data, known):
    """Field 0 is judged before the rest is read."""
    need(data and data[0] >> 5 == 5 and data[0] & 31 not in (0, 28, 29, 30), "malformed")
    extra = data[0] & 31
    rest = data[1 + (0 if extra < 24 or extra == 31 else 1 << (extra - 24)) :]
    need(rest[:1] == b"\0", "malformed")
    need(rest[1:2] and rest[1] >> 5 == 0, "malformed")
    extra = rest[1] & 31
    if extra < 24:
        version = extra
    else:
        need(extra < 28, "malformed")
        size = 1 << (extra - 24)
        need(len(rest) >= 2 + size, "malformed")
        version = int.from_bytes(rest[2 : 2 + size], "big")
    need(version <= known, "newer")
    need(version == known, "malformed")


def body_of(data, required, optional=()):
    """A body's fields, when they are the known ones."""
    version_first(data, 1)
    fields = uncbor(data)
    need(set(required) <= set(fields) <= set(required) | set(optional), "malformed")
    return fields


def shape(value, kind, length=None, most=None):
    need(type(value) is kind, "malformed")
    need(length is None or len(value) == length, "malformed")
    need(most is None or 0 <= value < 1 << most, "malformed")
    return value


def number(value, bits=64):
    return shape(value, int, most=bits)


def moment(value):
    need(type(value) is int and -(1 << 63) <= value < 1 << 63, "malformed")
    return value


def row(value, length):
    return shape(value, list, length)
