"""Vectors of what is not sealed: protector records and trail lines."""

import hashlib

import formats as f
from case_kit import CASES, ROOT_KEY, STORE_ID, TIME, case, det, patched, spoilt, uuid


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
        for field in f.PROTECTORS.get(kind, ()):
            fields[field] = {9: "office", 10: det("blob " + kind, 77)}[field]
        fields.update(changed.pop("fields", {}))
        for gone in changed.pop("without", ()):
            del fields[gone]
        return fields

    def add(name, expect, note, kind="account", body=None, stored=None, key=None, root=ROOT_KEY, generation=gen, **changed):
        fields = fields_of(kind, **changed)
        key = key or f.record_key(1, fields[2])
        body = f.cbor(fields) if body is None else body
        stored = f.encode_protector(ROOT_KEY, f.record_key(1, fields[2]), generation, body) if stored is None else stored
        names = ("store_id", "protector_id", "kind", "bound_to", "created_at", "salt", "parameters", "wrapped", "parameter", "blob")
        content = {name: fields[n] for n, name in enumerate(names, 1) if n in fields}
        case(
            "protector", name, expect, note, root_key=root, wrapping_key=det("wrapping " + kind, 32), record_key=key,
            generation=generation, body=body, stored=stored, fields=content,
            thumbprint=hashlib.sha256(fields[8]).digest(),
        )  # fmt: skip

    for kind in f.PROTECTORS:
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
    add("longest-means", "ok", "the longest parameter and blob", "rsa", fields={9: "a-0" + "z" * 125, 10: bytes(2048)})
    parameters = {
        "long": "z" * 129, "nothing": "", "path": "../x", "capital": "Office", "dot": "a.b", "line-feed": "a\n", "script": "b\u00fcro",
    }  # fmt: skip
    for name, text in parameters.items():
        add("parameter-" + name, "malformed" if text == "" else "parameter", "parameter: " + name, "plugin", fields={9: text})
    add("parameter-missing", "parameter", "a plug-in without its name", "plugin", without=(9,))
    add("parameter-surplus", "parameter", "shares with a name", "shares", fields={9: "office"})
    add("parameter-machine", "parameter", "a machine with a name", "machine", fields={9: "office"})
    add("parameter-bytes", "malformed", "a name that is no text", "rsa", fields={9: b"office"})
    add("blob-missing", "blob", "shares without a blob", "shares", without=(10,))
    add("blob-nothing", "malformed", "a blob of no bytes", "pkcs11", fields={10: b""})
    add("blob-account-nothing", "malformed", "an account with a blob of no bytes", fields={10: b""})
    add("blob-long", "blob", "a blob of 2,049 bytes", "rsa", fields={10: bytes(2049)})
    add("blob-account", "blob", "an account with a blob", fields={10: b"x"})
    add("blob-text", "malformed", "a blob that is text", "rsa", fields={10: "blob"})
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
    add("checkpoint", "ok", "a signed checkpoint", {**small, "operation": "audit.checkpoint", "checkpoint": signed, "epoch": 42, "anchor": base["anchor"]})
    add("batch-request", "ok", "a batch read", without("epoch", "index", "anchor", operation="secret.get", count=250))
    odd = 'quote " backslash \\ tab \t line \r\n nul \0 delete \x7f e-acute \u00e9 bidi \u202e lock \U0001f512 slash /'
    add("escapes", "ok", "everything that has to be escaped", {**base, "target": odd})
    add("forgery", "ok", "a name that tries to be a line", {**base, "target": '"}\n{"seq":19'})
    add("largest", "ok", "the highest numbers", {**base, "seq": (1 << 64) - 1, "epoch": (1 << 64) - 1, "index": (1 << 32) - 1, "time": "9999-12-31T23:59:59.999Z"})
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
