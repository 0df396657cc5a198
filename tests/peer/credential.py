#!/usr/bin/env python3
"""A second implementation of docs/spec/credential.md, written from the page and RFC 9180 alone; for tests.

One JSON object per line on standard input, one answer per line; bytes are lower-case hex.

public   private                                           -> public
seal     public, ephemeral, id, revision, uid, proof_key, value, nonce  -> sealed
open     private, id, revision, uid, sealed                -> proof_key, value   (or "refused": true)
proof    data_key, enrolled, id, revision, uid, new        -> proof_key, proof
host     store_id, machine_id                              -> host
"""

import hashlib
import hmac
import json
import sys

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

import formats as f

SUITE = b"KEM" + (0x0020).to_bytes(2, "big")


def raw(public):
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def private_of(data):
    return X25519PrivateKey.from_private_bytes(data)


def shared_secret(agreed, encapsulated, recipient):
    """ExtractAndExpand of RFC 9180, section 4.1."""
    secret = hmac.new(bytes(32), b"HPKE-v1" + SUITE + b"eae_prk" + agreed, hashlib.sha256).digest()
    info = (32).to_bytes(2, "big") + b"HPKE-v1" + SUITE + b"shared_secret" + encapsulated + recipient
    return hmac.new(secret, info + b"\1", hashlib.sha256).digest()


def bond_of(request):
    ident = bytes.fromhex(request["id"])
    return ident + request["revision"].to_bytes(4, "big") + request["uid"].to_bytes(4, "big")


def key_and_aad(shared, head, bond):
    return f.hkdf(b"", shared, b"strongroom/credential-key/1" + head + bond, 32), b"strongroom/credential/1" + head + bond


def seal(request, take):
    ephemeral, recipient, bond = private_of(take("ephemeral")), take("public"), bond_of(request)
    encapsulated = raw(ephemeral.public_key())
    agreed = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    head = b"\3\4\0\1" + encapsulated
    key, aad = key_and_aad(shared_secret(agreed, encapsulated, recipient), head, bond)
    return {"sealed": head + f.cipher_seal(key, take("nonce"), aad, take("proof_key") + take("value"))}


def open_(request, take):
    private, sealed, bond = private_of(take("private")), take("sealed"), bond_of(request)
    head, rest = sealed[:36], sealed[36:]
    if head[:4] != b"\3\4\0\1" or len(sealed) < 140:
        return {"refused": True}
    agreed = private.exchange(X25519PublicKey.from_public_bytes(head[4:]))
    key, aad = key_and_aad(shared_secret(agreed, head[4:], raw(private.public_key())), head, bond)
    plaintext = f.cipher_open(key, aad, rest)
    if plaintext is None:
        return {"refused": True}
    return {"proof_key": plaintext[:32], "value": plaintext[32:]}


def proof(request, take):
    bond = bond_of(request)
    key = f.hkdf(b"", take("data_key"), b"strongroom/credential-proof-key/1" + bond + take("enrolled"), 32)
    message = b"strongroom/credential-proof/1" + bond + take("new")
    return {"proof_key": key, "proof": hmac.new(key, message, hashlib.sha256).digest()}


def host(_request, take):
    return {"host": f.hkdf(take("store_id"), take("machine_id"), b"strongroom/host-id/1", 16)}


def public(_request, take):
    return {"public": raw(private_of(take("private")).public_key())}


COMMANDS = {"seal": seal, "open": open_, "proof": proof, "host": host, "public": public}


def main():
    for line in sys.stdin:
        request = json.loads(line)
        answer = COMMANDS[request["command"]](request, lambda name: bytes.fromhex(request[name]))
        shown = {name: value.hex() if isinstance(value, bytes) else value for name, value in answer.items()}
        print(json.dumps(shown), flush=True)


main()
