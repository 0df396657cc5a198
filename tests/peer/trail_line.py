"""Trail lines: docs/spec/audit.md."""

import json
import re
import struct

from deterministic_cbor import Refused, need

LINE_FIELDS = (
    "seq", "time", "node", "principal", "remote", "operation", "target", "key", "key_version", "outcome",
    "count", "request", "epoch", "index", "anchor", "checkpoint", "prev", "mac",
)  # fmt: skip
REQUIRED = {"seq", "time", "node", "principal", "operation", "outcome", "prev"}
UUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
PATTERNS = {
    "time": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",
    "key": UUID,
    "request": UUID,
    "anchor": r"[0-9a-f]{64}",
    "prev": r"[0-9a-f]{64}",
    "mac": r"[0-9a-f]{32}",
    "next_key": r"[0-9a-f]{64}",
    "signature": r"[0-9a-f]{128}",
}
NUMBERS = {"seq": 64, "key_version": 32, "count": 64, "epoch": 64, "index": 32, "number": 64}


def json_text(text):
    out = ""
    for unit in struct.unpack(f">{len(text.encode('utf-16-be')) // 2}H", text.encode("utf-16-be")):
        if unit in (0x22, 0x5C):
            out += "\\" + chr(unit)
        else:
            out += chr(unit) if 32 <= unit < 127 else f"\\u{unit:04x}"
    return f'"{out}"'


def json_value(value):
    if isinstance(value, dict):
        return "{" + ",".join(f'"{name}":{json_value(item)}' for name, item in value.items()) + "}"
    return str(value) if isinstance(value, int) else json_text(value)


def render_line(line, leave_out=()):
    """The line's bytes; fields are put in the order of the page, absent ones left out."""
    ordered = {name: line[name] for name in LINE_FIELDS if name in line and name not in leave_out}
    if "checkpoint" in ordered:
        names = ("number", "next_key", "signature")
        inner = ordered["checkpoint"]
        ordered["checkpoint"] = {n: inner[n] for n in names if n in inner and n not in leave_out}
    return json_value(ordered).encode("ascii")


def parse_line(data):
    def unique(pairs):
        found = dict(pairs)
        need(len(found) == len(pairs), "json")
        return found

    try:
        line = json.loads(data.decode(), object_pairs_hook=unique)
        json.dumps(line, ensure_ascii=False).encode()  # a lone surrogate is no text
    except (ValueError, RecursionError):
        raise Refused("json") from None
    need(isinstance(line, dict) and REQUIRED <= set(line) <= set(LINE_FIELDS), "json")
    line = {name: item for name, item in line.items() if item is not None or name in REQUIRED}
    check_line_fields({name: item for name, item in line.items() if name != "checkpoint"})
    if "checkpoint" in line:
        inner = line["checkpoint"]
        need(isinstance(inner, dict), "json")
        need({"number", "next_key"} <= set(inner) <= {"number", "next_key", "signature"}, "json")
        check_line_fields(inner)
    need(all(line.get(name) != "" for name in ("remote", "target")), "form")
    need(all(line.get(name, "") == line.get(name, "").lower() for name in ("key", "request")), "form")
    need(render_line(line) == data, "form")
    return line


def check_line_fields(fields):
    for name, item in fields.items():
        if name in NUMBERS:
            need(type(item) is int and 0 <= item < 1 << NUMBERS[name], "json")
        else:
            need(isinstance(item, str), "json")
    for name, item in fields.items():
        if name in ("key", "request"):
            # Upper case is a UUID, but not the form in which it is written.
            need(re.fullmatch(UUID, item.lower()), "field")
        elif name in PATTERNS:
            need(re.fullmatch(PATTERNS[name], item, re.ASCII), "field")
        need(name != "time" or is_moment(item), "field")


def is_moment(text):
    year, month, day, hour, minute, second = (int(part) for part in re.split(r"\D", text)[:6])
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    days = (31, 28 + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    return 1 <= month <= 12 and 1 <= day <= days[month - 1] and hour < 24 and minute < 60 and second < 60
