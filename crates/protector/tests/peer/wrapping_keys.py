"""Makes the known answers of tests/it/known_answers.rs, from docs/spec/protector.md alone.

Needs Python's package `cryptography`. Prints one `NAME hex` per line; the test compares them.
"""

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

STORE = bytes.fromhex("0190b5a00000700080000000000000aa")
PROTECTOR = bytes.fromhex("0190b5a00000700080000000000000bb")
SALT = bytes(range(0x40, 0x60))
ROOT = bytes(range(0xA0, 0xC0))
NONCE = bytes(range(0x10, 0x28))
MACHINE_ID = b"4f0c2b1d9e8a47c6b5d3f2a19078e6d5"
PASSWORD = "vier schlichte wörter hier".encode()


def block(key, data):
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def cmac(key, data):
    mac = CMAC(algorithms.AES(key))
    mac.update(data)
    return mac.finalize()


def seal(key, nonce, aad, plaintext):
    """KC-XAES-256-GCM: N, ciphertext, tag, C."""
    derived = b"".join(cmac(key, bytes([0, i, 0x58, 0]) + nonce[:12]) for i in (1, 2))
    sealed = AESGCM(derived).encrypt(nonce[12:], plaintext, aad)
    commitment = b"".join(cmac(key, b"XCMT" + nonce + bytes([0, 1, 0, i])) for i in (1, 2))
    return nonce + sealed + commitment


def hkdf(secret, label):
    return HKDF(algorithm=SHA256(), length=32, salt=SALT, info=label).derive(secret)


def show(name, kind, wrapping_key):
    aad = b"strongroom/protector-wrap/1" + STORE + PROTECTOR + bytes([len(kind)]) + kind
    print(f"{name}_WRAPPING_KEY", wrapping_key.hex())
    print(f"{name}_WRAPPED_ROOT", seal(wrapping_key, NONCE, aad, ROOT).hex())


# The cipher itself against the published answer of C2SP XAES-256-GCM with its commitment.
assert seal(b"\x01" * 32, b"ABCDEFGHIJKLMNOPQRSTUVWX", b"", b"XAES-256-GCM")[24:].hex() == (
    "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"
    "04076b6085eebab138855fe57811c04112eff989d44120dfff662d5475a383c3"
)

show("ACCOUNT", b"account", hkdf(bytes(range(32)), b"strongroom/account/1"))
show("MACHINE", b"machine", hkdf(bytes(range(256)) + MACHINE_ID, b"strongroom/machine/1"))
argon2id = Argon2id(salt=SALT, length=32, iterations=2, lanes=4, memory_cost=64 * 1024)
show("ARGON2ID", b"password", argon2id.derive(PASSWORD))
pbkdf2 = PBKDF2HMAC(algorithm=SHA256(), length=32, salt=SALT, iterations=600_000)
show("PBKDF2", b"password", pbkdf2.derive(PASSWORD))
