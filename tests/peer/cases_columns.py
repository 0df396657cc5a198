"""Vectors of encrypted columns: cells, key envelopes, manifests, names of types."""

import base64
import copy

import columns as c
from case_kit import case, det, patched

# Microsoft's native baseline: dotnet/SqlClient, NativeAeadBaseline, RootKey01 and RootKey09.
K1 = bytes.fromhex("7f9dbb9cad20a15491f688bb604f6ea185b6271f3858b8f2764574d7cd1f7e42")
K2 = bytes.fromhex("a6a6a6a6a6a6a6a66a6a6a6a6a6a6a6aa6a6a6a6a6a6a6a66a6a6a6a6a6a6a6a")
NATIVE_17 = bytes.fromhex(
    "011dbbe549d62ec235f438e3687c30ab0ce5b51c5a627237d7040e421d67320e77ed2617072fcb81507034ebafe1716cd914e5aaa669ac37"
    "0a645011ad7d7c86f6"
)


def cells():
    def add(name, note, plain, key=K1, mode="deterministic", iv=None):
        cell = c.seal_cell(key, plain, iv)
        case("cell", name, "ok", note, key=key, mode=mode, plain=plain, cell=cell, check=c.key_check(key))

    native = [
        ("01", b"\xa6", K1), ("02", b"\x01\0\0\0", K1), ("03", bytes(range(8)), K1), ("04", bytes(range(16)), K1),
        ("07", b"j" * 2048, K1), ("08", b"j" * 3903, K1), ("09", b"\xa6", K2),
    ]  # fmt: skip
    for number, plain, key in native:
        add(f"native-{number}", f"number {number} of Microsoft's native baseline", plain, key)
    add("native-17", "number 17 of Microsoft's native baseline", b"\xa6", K1, "randomized", NATIVE_17[33:49])
    add("empty", "a value without bytes", b"")
    for length in (15, 17, 31, 32, 1000):
        add(f"length-{length}", f"{length} bytes", det(f"cell {length}", length), det("column key", 32))
    cell = c.seal_cell(K1, b"123-45-6789")

    def spoilt(name, note, changed):
        case("cell", name, "not_opened", note, key=K1, cell=changed)

    spoilt("version", "version 2", patched(cell, 0, b"\x02"))
    spoilt("tag", "a bit of the tag", patched(cell, 32, bytes([cell[32] ^ 1])))
    spoilt("iv", "a bit of the initialisation vector", patched(cell, 33, bytes([cell[33] ^ 128])))
    spoilt("ciphertext", "a bit of the ciphertext", patched(cell, 64, bytes([cell[64] ^ 1])))
    spoilt("cut", "one byte less", cell[:-1])
    spoilt("cut-block", "no ciphertext", cell[:-16])
    spoilt("extended", "one block more", cell + bytes(16))
    spoilt("nothing", "no bytes", b"")
    spoilt("other-key", "another column encryption key", c.seal_cell(K2, b"123-45-6789"))
    tagged = cell[33:49] + bytes(16)
    spoilt("padding", "a right tag over ciphertext that has no padding", b"\x01" + c.cell_tag(K1, tagged) + tagged)


# Made by Microsoft's JDBC driver (mssql-jdbc 12.10.1, SQLServerColumnEncryptionJavaKeyStoreProvider); published, with the
# key that is for tests only, by praxiomlabs/rust-mssql-driver: crates/mssql-auth/tests/cek_envelope_interop.rs.
JDBC_MASTER = base64.b64decode(
    "MIIEvwIBADANBgkqhkiG9w0BAQEFAASCBKkwggSlAgEAAoIBAQDMLUoy8/WskkBKH8GVvN334Q7MyKuYh4E6eVe4w/Opvj1KuS30JOWcekb40pUj"
    "XUJ5y3D+pQI12c6OWlWEEhBxqy+VEiJoJE1CqvQCS+NL0eH84dxo1SlNlz6ERRtJvGhY0nXbvsUeuCQ/XQaytsACbqk9X0GX3iFq/hSUeEa4k63w"
    "bT84LsGJJ5aKnUtSlopHqsR6cnZXuVlz+2VC3dr5vSgF+jP9BB1ta1sQUBrMCUcubDLPR40MJHQETGkjD74NPxJDwAqv12nZmM6O0UiERMPE2nJs"
    "6A1Im4hqlhpQcrNgUedV83StR0uNFwQQ8GKlwZgdeNm/zvu9ICWfDrPFAgMBAAECggEAApWSKlnvIpuJR8bmHtyQnKoTE2F41onkh1Zw10xXoa7g"
    "PLliTQRIibX8fvq/W367MCp0iCyTfhX/KMsY6P6HicDGbecYW2QWPEFIrFzEiDmkWByNux/zkWFYL7lmMoU5duJXDox4Fz7yaoDlbE6m2IEJEFdL"
    "z73Gg4GqxgRNtNlX21GYuKupn6lDJK9oCSxd/dyQdz1p7EWB5WanSrV6iyocM/slSndgAHZQIiSrHlmSwUcQlWDRrAkfhlmZJUOkEk9c8DL6BHcF"
    "T0zKKpRH0uKm8G4vKynUfxKX8lxTrXCMgHdeDeD3TnmbyR+uzXgmYonFv3M1SPyK5PeJjx+TIQKBgQD520g72hOawwgfsiHQ3CGLnjkYxTqw1Q6B"
    "zxiDlIobqdQCHBwKOXDaqnVIzIKGW28AXAg0KHilIRn0AYAO4CKBgFX1REYlFs95UEqyU0KWwBaw2s76MaUEdF/TNQAkJv3lFDNNx9Z4J4LY5Fl8"
    "Dc8/Nl4teLrsKvNtm/9D5hNRFQKBgQDRMnpViES5bDIKsM8zTSHFV6R98DOODlbYmSS2XMSfyewe8QNElE4jy6jjDz6br897LcwyXOyElmNdJSvf"
    "KiYSv2PeBTY+CQxUbh2q2vnQuzzJl3NxpKfnX7OZwZ1bTpM5Ezg1fIQCGIrPU+EzGEjXTWRBEMW5rF2s1YmmawOj8QKBgQC2Uaqd8f3IOnSdHFDM"
    "pTTdOnGTf6faDT3uvv22VheJJB2OBJD5bPzKswOuQX0lKWcQLhfWZ4nRhRv5D3cwY6EKOml+9Xjx63ktnsdC5Lp8YmKsXp4Vt1AgtgKOjegyeTlf"
    "haQCJ8Z6GurB9a7OdQ07pSKHr8dGOfkzjFdyZlrGGQKBgQCWDT7yWuvwlErQoEH+6jRu+I5kRwazvlVMx4wtwhzHAG79QqK1biseQdbCBw1BXrnU"
    "AOWWulBsSfK7vQ3a5MCqcd2QQuzFUngll1ZwVuEZdzQC5T9JJHHK5DpO7zGPbKztI3wN4WJOnovyapf9rk2RIVHn2b/5jkkiz4gMdnYGAQKBgQCO"
    "Ma7cddNx+8B5UpvhvR2mVAUzTAAgg7mZU6nlBOb4/cZEaop+W8Rw/yI6ffkFCA8Rv4CC6GVg2mfsTK6zHsx9yVaxWseCbTFYnnVVyiSI26VGvhwg"
    "LS2HkfFFGvZl6IxxlYQNg2DeXCAbpCrE4kwtZM6vj366sOtzbBlfbpriGA=="
)
JDBC_ENVELOPE = base64.b64decode(
    "ARgAAAFyAG0AZAAtAHQAZQBzAHQALQBjAG0AawBSx5BaM0vgxH5nkABl61e4FFFq0KQ/6L53gZWrZdJJLMfWijAkzXADjT19OVdTb4dGNDwiBzMV"
    "EHD2QP9oqZd5ZhE1y0t3q5qEO8oZoki7mQTl9quozCrl2a2wxsh6Bi03Jm56B7Q7vcycRoqQrBDQAaDsAFluIJWjZMnO3R9CZHPXa42XbLa5WN9t"
    "RsBMCqd/ORTcfxfQCvczwYBCxKjJc1/VDDpJUQ3SgvjBQOulyXXXX/JAKi9L5qM6+9WfCIcFs5aKWnJ486bkrjNF41wylKWt2ROtQpkE6oJXA/HQ"
    "A0pNOwcBJpy+av/H1HOLa7X/H8Ll5mk3WiIXguZPqwx5rvZiur0XGwFJo0fP48r1zLr38+D+LQteO7y20pkv0ap0irr5RYgb+hhZ5pVEXnYSiP8b"
    "MekMNiSgZ8jSip4xixlMx2Ksbum9OHrd5YfSA+wL+czo8Pt5TmM2SDjr/CXHvjWdcAFmJGF3hhL/y9iDM00m2edauEcm1B1pRLmYs1qGuWxo3+y0"
    "WJdkJzRxvv9vwgOTdtYiRhQbMLz7jgqJni7+aqz2u+L57OIS49wdhA1atO/yZ7DsETFYEyUCd0G/kacT+jqDj91NY2Wgv0I1vYJEolN2hAVJKCN6"
    "WO5xtMONUH9IsagwDcC36sGbkPckUsDqyGidsYbd8UyvP8VcUw=="
)


def envelopes():
    def add(name, expect, note, envelope, **more):
        case("column_envelope", name, expect, note, master=JDBC_MASTER, envelope=envelope, **more)

    column_key = bytes(range(32))
    good = {"path": "rmd-test-cmk", "column_key": column_key, "check": c.key_check(column_key)}
    add("jdbc", "ok", "made by Microsoft's JDBC driver, mssql-jdbc 12.10.1", JDBC_ENVELOPE, **good)
    front = JDBC_ENVELOPE[:-256]
    wrapped = front[-256:]
    utf8 = b"\x01" + bytes([12, 0, 0, 1]) + b"rmd-test-cmk" + wrapped
    add("utf8-path", "ok", "the path in UTF-8, as some programs write it", c.sign_envelope(JDBC_MASTER, utf8), **good)
    no_path = b"\x01" + bytes([0, 0, 0, 1]) + wrapped
    add("no-path", "ok", "no path", c.sign_envelope(JDBC_MASTER, no_path), **{**good, "path": ""})
    for name, offset in (("path", 5), ("wrapped", 40), ("signature", 540), ("path-length", 1)):
        changed = patched(JDBC_ENVELOPE, offset, bytes([JDBC_ENVELOPE[offset] ^ 1]))
        expect = "malformed" if name == "path-length" else "not_opened"
        add(name, expect, f"a bit of the {name}", changed)
    bad = patched(front, 40, bytes([front[40] ^ 1]))
    add("signed-wrapped", "not_opened", "a wrapped key that was changed before it was signed", c.sign_envelope(JDBC_MASTER, bad))
    add("version", "malformed", "version 2", patched(JDBC_ENVELOPE, 0, b"\x02"))
    add("cut", "malformed", "one byte less", JDBC_ENVELOPE[:-1])
    add("extended", "malformed", "one byte more", JDBC_ENVELOPE + b"\0")
    add("head-only", "malformed", "the lengths alone", JDBC_ENVELOPE[:5])
    add("nothing", "malformed", "no bytes", b"")
    short = b"\x01" + bytes([0, 0, 128, 0]) + wrapped[:128] + wrapped[:128]
    add("short-modulus", "not_opened", "a modulus of 128 bytes", short)


SEED = det("manifest signing seed", 32)


def manifests():
    check = c.key_check(det("column key", 32)).hex()
    first = {"name": "cmk1", "path": "cmk1#1", "provider": "STRONGROOM"}
    second = {"name": "cmk2", "path": "cmk2#1", "provider": "STRONGROOM"}
    ssn = {
        "class": {"key": "cek1", "mode": "deterministic", "type": "varchar(20)"},
        "column": "ssn", "schema": "public", "state": "encrypted", "table": "patients",
    }  # fmt: skip
    note = {**ssn, "class": {"key": "cek1", "mode": "randomized", "type": "pg:jsonb"}, "column": "note", "state": "encrypting"}
    base = {
        "columns": [note, ssn], "database": "0193a2f0-7c4e-4d3b-8a52-9f1e6c0b7d21",
        "keys": [{"check": check, "masters": [first], "name": "cek1"}], "sequence": 7, "version": 1,
    }  # fmt: skip

    def add(name, expect, about, change=None, document=None, prefix=c.PREFIX, seed=SEED, **more):
        manifest = copy.deepcopy(base)
        if change:
            change(manifest)
        document = c.canonical(manifest) if document is None else document
        private = c.ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        case("manifest", name, expect, about, public=c.public_key(SEED), document=document,
             signature=private.sign(prefix + document), **more)  # fmt: skip

    add("two-columns", "ok", "one key, two columns", sequence=7, columns=2, keys=1)
    add("empty", "ok", "nothing is encrypted", lambda m: m.update(columns=[], keys=[]), sequence=7, columns=0, keys=0)
    add("two-masters", "ok", "a master key changes", lambda m: m["keys"][0].update(masters=[second, first]),
        sequence=7, columns=2, keys=1)  # fmt: skip
    add("last-sequence", "ok", "the highest sequence", lambda m: m.update(sequence=2**53 - 1), sequence=2**53 - 1, columns=2, keys=1)

    def reordered(*tables):
        return lambda m: m.update(reordered=[{"schema": "public", "table": table} for table in tables])

    def two_tables(manifest):
        manifest["columns"].append({**ssn, "table": "staff"})
        reordered("patients", "staff")(manifest)

    add("reordered", "ok", "a table has its columns in another order", reordered("patients"), sequence=7, columns=2, keys=1)
    add("reordered-two", "ok", "two tables have", two_tables, sequence=7, columns=3, keys=1)
    add("reordered-empty", "not_canonical", "a list that is left out when it is empty", reordered())
    add("reordered-twice", "content", "a table twice", reordered("patients", "patients"))
    add("reordered-other", "content", "a table without a listed column", reordered("staff"))

    def named(manifest):
        names = ['"\\/\n\t\b\f\r\x01\x1f', "\x7f\u2028é漢😀", "Ünïcode"]
        manifest["columns"] = [{**ssn, "column": name} for name in sorted(names, key=str.encode)]

    add("names", "ok", "names of every kind of character", named, sequence=7, columns=3, keys=1)
    words = (
        "bool int2 int4 int8 float4 float8 numeric(38,0) numeric(1,1) bytea uuid date time time(0) timestamp timestamp(6) "
        "timestamptz timestamptz(3) text varchar varchar(10485760) bpchar(1)"
    ).split() + ["text utf16", "varchar utf16", "varchar(3) utf16", "bpchar(2) utf16"]

    def typed(manifest):
        kinds = [(word, "deterministic") for word in words]
        kinds += [("pg:" + word, "randomized") for word in "json jsonb xml inet cidr interval enum citext".split()]
        manifest["columns"] = [
            {**ssn, "class": {"key": "cek1", "mode": mode, "type": word}, "column": f"c{number:02}"}
            for number, (word, mode) in enumerate(kinds)
        ]

    add("types", "ok", "every type", typed, sequence=7, columns=len(words) + 8, keys=1)
    add("other-key", "signature", "signed by another key", seed=det("another seed", 32))
    add("other-prefix", "signature", "signed for something else", prefix=b"strongroom.columns.manifest.v2\0")
    text = c.canonical(base)
    for name, expect, document in (
        ("nothing", "shape", b""),
        ("not-json", "shape", b"{"),
        ("not-utf8", "shape", text.replace(b"patients", b"patient\xff")),
        ("array", "shape", b"[]"),
        ("behind", "shape", text + b"{}"),
        ("member-twice", "shape", text.replace(b'"sequence":7', b'"sequence":7,"sequence":7')),
        ("fraction", "shape", text.replace(b'"sequence":7', b'"sequence":7.0')),
        ("blank", "not_canonical", text.replace(b'"sequence":7', b'"sequence": 7')),
        ("line-feed", "not_canonical", text + b"\n"),
        ("escape", "not_canonical", text.replace(b"patients", b"p\\u0061tients")),
        ("order", "not_canonical", b'{"version":1,' + text[1:].replace(b',"version":1', b"")),
    ):
        add(name, expect, name, document=document)
    for name, expect, change in (
        ("unknown-member", "shape", lambda m: m.update(comment="")),
        ("missing-member", "shape", lambda m: m.pop("keys")),
        ("no-version", "shape", lambda m: m.pop("version")),
        ("sequence-text", "shape", lambda m: m.update(sequence="7")),
        ("sequence-negative", "shape", lambda m: m.update(sequence=-7)),
        ("state", "shape", lambda m: m["columns"][0].update(state="plain")),
        ("class-member", "shape", lambda m: m["columns"][0]["class"].update(collation="C")),
        ("version-2", "newer", lambda m: m.update(version=2, comment="")),
        ("sequence-zero", "content", lambda m: m.update(sequence=0)),
        ("sequence-large", "content", lambda m: m.update(sequence=2**53)),
        ("database", "content", lambda m: m.update(database="app")),
        ("database-capital", "content", lambda m: m.update(database=base["database"].upper())),
        ("column-order", "content", lambda m: m["columns"].reverse()),
        ("column-twice", "content", lambda m: m.update(columns=[ssn, ssn])),
        ("column-empty", "content", lambda m: m["columns"][1].update(column="")),
        ("column-long", "content", lambda m: m["columns"][1].update(column="x" * 64)),
        ("column-zero-byte", "content", lambda m: m["columns"][1].update(column="x\0")),
        ("mode", "content", lambda m: m["columns"][1]["class"].update(mode="plain")),
        ("type", "content", lambda m: m["columns"][1]["class"].update(type="money")),
        ("type-spelling", "content", lambda m: m["columns"][1]["class"].update(type="varchar(020)")),
        ("type-utf16", "content", lambda m: m["columns"][1]["class"].update(type="int4 utf16")),
        ("type-numeric", "content", lambda m: m["columns"][1]["class"].update(type="numeric(39,0)")),
        ("type-mode", "content", lambda m: m["columns"][0]["class"].update(mode="deterministic")),
        ("key-missing", "content", lambda m: m["columns"][1]["class"].update(key="cek2")),
        ("key-twice", "content", lambda m: m["keys"].append(m["keys"][0])),
        ("key-name", "content", lambda m: m["keys"][0].update(name="")),
        ("check", "content", lambda m: m["keys"][0].update(check=check[:-2])),
        ("check-capital", "content", lambda m: m["keys"][0].update(check="AB" * 16)),
        ("no-master", "content", lambda m: m["keys"][0].update(masters=[])),
        ("three-masters", "content", lambda m: m["keys"][0].update(masters=[first, second, {**first, "path": "c"}])),
        ("master-twice", "content", lambda m: m["keys"][0].update(masters=[first, first])),
        ("master-path", "content", lambda m: m["keys"][0]["masters"][0].update(path="cmk1\n#1")),
    ):
        add(name, expect, name, change)


def type_names():
    for name, key, word, mode in (
        ("plain", "ssn", "varchar(20)", "deterministic"),
        ("underscores", "cek_1", "timestamptz(3)", "randomized"),
        ("tagged", "cek1", "pg:jsonb", "randomized"),
        ("capitals", "CEK1", "int8", "deterministic"),
        ("hyphen", "cek-1", "numeric(10,2)", "deterministic"),
        ("long", "k" * 60, "text utf16", "randomized"),
        ("cut-at-underscore", "a_" * 19 + "bcd_e_f_g_h_i_j_k_l", "text", "randomized"),
        ("no-letters", "漢字", "date", "deterministic"),
        ("at-the-limit", "k" * 43, "text", "randomized"),
        ("beyond-the-limit", "k" * 44, "text", "randomized"),
    ):
        case("column_type", name, "ok", name, key=key, type=word, mode=mode,
             type_name=c.type_name(key, word, mode))  # fmt: skip
