#!/usr/bin/env python3
"""The protocol of peer.py, with more commands.

sign          algorithm, pkcs8, message                    -> signature, spki
verify        algorithm, spki, message, signature          -> (nothing); refused when it does not verify
seal-two-tier key, purpose, key_id, key_version, data_key, -> sealed, text        docs/spec/two-tier.md
              key_place, place, payload
open-two-tier key, purpose, key_place, place, text         -> payload, data_key
seal-stream   key, key_id, key_version, data_key, context, -> digest, file        docs/spec/stream.md
              length, file
open-stream   key, context, file                           -> length, digest

"algorithm" is ed25519, ecdsa-p256 or rsa-pss; keys are DER. The plaintext of a stream to be sealed has the given length,
and its byte number i is (i * 7 + i // 251) % 256; "digest" is the SHA-256 of the plaintext that was sealed or opened, and
"file" the path of the sealed stream.
"""

import hashlib
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

import formats as f  # noqa: E402
import peer  # noqa: E402
import streams  # noqa: E402
from cryptography.exceptions import InvalidSignature  # noqa: E402
from cryptography.hazmat.primitives import hashes, serialization  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec, padding  # noqa: E402
from peer import data, field  # noqa: E402

PSS = padding.PSS(mgf=padding.MGF1(hashes.SHA256()), salt_length=32)
WITH = {
    "ed25519": (),
    "ecdsa-p256": (ec.ECDSA(hashes.SHA256()),),
    "rsa-pss": (PSS, hashes.SHA256()),
}


def sign(request):
    key = serialization.load_der_private_key(data(request, "pkcs8"), None)
    form = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    signature = key.sign(data(request, "message"), *WITH[request["algorithm"]])
    return {"signature": signature.hex(), "spki": key.public_key().public_bytes(*form).hex()}


def verify(request):
    key = serialization.load_der_public_key(data(request, "spki"))
    try:
        key.verify(data(request, "signature"), data(request, "message"), *WITH[request["algorithm"]])
    except InvalidSignature:
        raise peer.Refused("the signature does not verify") from None
    return {}


def place(request, name):
    return peer.place_of({"place": field(request, name, dict)})


def sealed_data_key(request, purpose, key_place):
    nonce = os.urandom(24)
    key, key_id = data(request, "key", 32), data(request, "key_id", 16)
    return f.seal_value(key, purpose, key_id, field(request, "key_version", int), key_place, data(request, "data_key", 32), nonce)


def seal_two_tier(request):
    purpose = field(request, "purpose", int)
    wrapped = sealed_data_key(request, purpose, place(request, "key_place"))
    data_key, payload = data(request, "data_key", 32), data(request, "payload")
    sealed = streams.seal_two_tier(data_key, purpose, wrapped, place(request, "place"), payload, os.urandom(24))
    return {"sealed": sealed.hex(), "text": streams.two_tier_text(sealed)}


def open_two_tier(request):
    sealed = streams.two_tier_from_text(field(request, "text", str))
    places = place(request, "key_place"), place(request, "place")
    _, data_key, payload = streams.open_two_tier(data(request, "key", 32), field(request, "purpose", int), *places, sealed)
    return {"payload": payload.hex(), "data_key": data_key.hex()}


def context(request):
    return peer.place_of({"place": {"context": request["context"]}})


def seal_stream(request):
    plaintext = streams.plaintext(field(request, "length", int))
    wrapped = sealed_data_key(request, 6, context(request))
    with open(request["file"], "wb") as file:
        file.write(streams.seal_stream(data(request, "data_key", 32), wrapped, os.urandom(32), plaintext))
    return {"digest": hashlib.sha256(plaintext).hexdigest(), "file": request["file"]}


def open_stream(request):
    with open(request["file"], "rb") as file:
        _, _, plaintext = streams.open_stream(data(request, "key", 32), context(request), file.read())
    return {"length": len(plaintext), "digest": hashlib.sha256(plaintext).hexdigest()}


def refusing(command):
    def run(request):
        try:
            return command(request)
        except f.Refused as refused:
            raise peer.Refused(refused.failure) from None

    return run


if __name__ == "__main__":
    mine = (sign, verify, seal_two_tier, open_two_tier, seal_stream, open_stream)
    peer.COMMANDS.update({command.__name__.replace("_", "-"): refusing(command) for command in mine})
    peer.serve()
