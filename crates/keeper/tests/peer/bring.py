#!/usr/bin/env python3
"""What a user does who brings a key: wraps it with the package cryptography, and knows what the server must make of it.

Reads lines of a command and its arguments, answers each with a line; arguments and answers are hexadecimal, `-` is nothing.

oaep SPKI KEY           RSA-OAEP with SHA-256 and an empty label; oaep-sha1, oaep-label and pkcs1 do it in a wrong way
oaep-kwp SPKI KEY       an AES-256 key so wrapped, then the key under AES-KWP (RFC 5649); oaep-kwp-128 takes an AES-128 key
pkcs8 KIND              a fresh private key: ed25519, p256, rsa2048, rsa3072
verify KIND PKCS8 MESSAGE SIGNATURE     `right`, or it fails
hmac KEY MESSAGE        HMAC with SHA-256
open-value KEY SEALED   a sealed value without a context (docs/spec/value.md)
"""

import hashlib
import hmac
import os
import sys

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../../tests/peer"))

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)


def oaep(digest, label=None):
    return padding.OAEP(mgf=padding.MGF1(digest), algorithm=digest, label=label)


def rsa_wrap(spki, key, scheme):
    return serialization.load_der_public_key(spki).encrypt(key, scheme)


def kwp(spki, key, length):
    kek = os.urandom(length)
    return rsa_wrap(spki, kek, oaep(hashes.SHA256())) + aes_key_wrap_with_padding(kek, key)


def pkcs8(kind):
    made = {
        b"ed25519": ed25519.Ed25519PrivateKey.generate,
        b"p256": lambda: ec.generate_private_key(ec.SECP256R1()),
        b"rsa2048": lambda: rsa.generate_private_key(65537, 2048),
        b"rsa3072": lambda: rsa.generate_private_key(65537, 3072),
    }[kind]()
    form = serialization.PrivateFormat.PKCS8
    return made.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())


def verify(kind, key, message, signature):
    with_what = {b"ed25519": (), b"p256": (ec.ECDSA(hashes.SHA256()),), b"rsa3072": (PSS, hashes.SHA256())}[kind]
    serialization.load_der_private_key(key, None).public_key().verify(signature, message, *with_what)
    return b"right"


def open_value(key, sealed):
    import formats

    return formats.open_value(key, 6, formats.place_with_context([]), sealed)[1]


COMMANDS = {
    "oaep": lambda spki, key: rsa_wrap(spki, key, oaep(hashes.SHA256())),
    "oaep-sha1": lambda spki, key: rsa_wrap(spki, key, oaep(hashes.SHA1())),
    "oaep-label": lambda spki, key: rsa_wrap(spki, key, oaep(hashes.SHA256(), b"label")),
    "pkcs1": lambda spki, key: rsa_wrap(spki, key, padding.PKCS1v15()),
    "oaep-kwp": lambda spki, key: kwp(spki, key, 32),
    "oaep-kwp-128": lambda spki, key: kwp(spki, key, 16),
    "pkcs8": pkcs8,
    "verify": verify,
    "hmac": lambda key, message: hmac.new(key, message, hashlib.sha256).digest(),
    "open-value": open_value,
}

if __name__ == "__main__":
    for line in sys.stdin:
        command, *arguments = line.split()
        print(COMMANDS[command](*(bytes.fromhex(argument.strip("-")) for argument in arguments)).hex() or "-")
