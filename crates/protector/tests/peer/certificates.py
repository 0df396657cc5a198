"""The other side of tests/it/rsa.rs, from docs/spec/protector.md alone, with Python's package `cryptography`.

    certificates.py make DIR [NAME...]                keys and certificates for the tests, all or some
    certificates.py key PRIVATE-KEY STORE PROTECTOR SALT BLOB       prints the wrapping key of a blob
    certificates.py blob CERTIFICATE STORE PROTECTOR PADDING SECRET SALT   prints a blob and its wrapping key

Bytes are hex. PADDING is one of oaep-sha256, oaep-sha1, oaep-no-label, pkcs1.
"""

import datetime
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "..", "tests", "peer"))

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from deterministic_cbor import cbor, uncbor

PEM, DER = serialization.Encoding.PEM, serialization.Encoding.DER
PKCS8, PKCS1 = serialization.PrivateFormat.PKCS8, serialization.PrivateFormat.TraditionalOpenSSL
SPKI = serialization.PublicFormat.SubjectPublicKeyInfo


def place(store, protector, kind=b"rsa"):
    return store + protector + bytes([len(kind)]) + kind


def wrapping_key(secret, store, protector, salt):
    info = b"strongroom/wrapping-key/1" + place(store, protector)
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=salt, info=info).derive(secret)


def oaep(digest, label):
    return padding.OAEP(mgf=padding.MGF1(algorithm=digest), algorithm=digest, label=label)


def certificate(key, name, days):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    start = datetime.datetime(2020, 1, 1)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    builder = builder.serial_number(0x0BADCAFE).not_valid_before(start)
    return builder.not_valid_after(start + datetime.timedelta(days=days)).sign(key, hashes.SHA256())


def write(directory, name, content, mode=0o600):
    handle = os.open(os.path.join(directory, name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)


def make(directory, *names):
    none = serialization.NoEncryption()
    kinds = {
        "office": lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
        "other": lambda: rsa.generate_private_key(public_exponent=65537, key_size=3072),
        "short": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "curve": lambda: ec.generate_private_key(ec.SECP256R1()),
    }
    keys = {name: kinds[name]() for name in names or kinds}
    for name, key in keys.items():
        # All but one are expired since 2020-01-31, which must not matter.
        found = certificate(key, name, 36500 if name == "office" else 30)
        write(directory, name + ".pem", found.public_bytes(PEM), 0o644)
        write(directory, name + ".der", found.public_bytes(DER), 0o644)
        write(directory, name + ".key", key.private_bytes(PEM, PKCS8, none))
        write(directory, name + ".key.der", key.private_bytes(DER, PKCS8, none))
        write(directory, name + ".pkcs1", key.private_bytes(PEM, PKCS1, none))
    locked = keys["office"].private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"password"))
    write(directory, "locked.key", locked)
    write(directory, "expired.pem", certificate(keys["office"], "office", 30).public_bytes(PEM), 0o644)


def load(path):
    with open(path, "rb") as file:
        return file.read()


def key(private_key, store, protector, salt, blob):
    store, protector, salt = map(bytes.fromhex, (store, protector, salt))
    spki, issuer, serial, ciphertext = uncbor(bytes.fromhex(blob))
    private_key = serialization.load_pem_private_key(load(private_key), None)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(private_key.public_key().public_bytes(DER, SPKI))
    assert (digest.finalize(), issuer, serial) == (spki, "CN=office", bytes.fromhex("0badcafe")), (issuer, serial)
    context = b"strongroom/wrapping-context/1" + place(store, protector)
    secret = private_key.decrypt(ciphertext, oaep(hashes.SHA256(), context))
    assert len(secret) == 32
    print(wrapping_key(secret, store, protector, salt).hex())


def blob(path, store, protector, how, secret, salt):
    store, protector, secret, salt = map(bytes.fromhex, (store, protector, secret, salt))
    found = x509.load_pem_x509_certificate(load(path))
    context = b"strongroom/wrapping-context/1" + place(store, protector)
    ways = {
        "oaep-sha256": oaep(hashes.SHA256(), context),
        "oaep-sha1": oaep(hashes.SHA1(), context),
        "oaep-no-label": oaep(hashes.SHA256(), None),
        "pkcs1": padding.PKCS1v15(),
    }
    spki = found.public_key().public_bytes(DER, SPKI)
    digest = hashes.Hash(hashes.SHA256())
    digest.update(spki)
    item = [digest.finalize(), "CN=office", bytes.fromhex("0badcafe"), found.public_key().encrypt(secret, ways[how])]
    print(cbor(item).hex(), wrapping_key(secret, store, protector, salt).hex())


{"make": make, "key": key, "blob": blob}[sys.argv[1]](*sys.argv[2:])
