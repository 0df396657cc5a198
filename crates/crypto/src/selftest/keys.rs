//! Known answers of what came with keys for applications: signing, wrapped import, streams.

use strongroom_secret::{AgreementKey, SecretBytes};

use crate::asymmetric::{Algorithm, PrivateKey, PublicKey};
use crate::stream::{FrameError, Opener};
use crate::{kem, key_wrap};

/// RFC 6979, appendix A.2.5: its signature verifies, and so does one of our own, whose number is random.
pub(super) fn ecdsa_p256() -> bool {
    let algorithm = Algorithm::EcdsaP256Sha256;
    let key = b"\x30\x81\x87\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\
                \x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07\x04\x6d\x30\x6b\x02\
                \x01\x01\x04\x20\xc9\xaf\xa9\xd8\x45\xba\x75\x16\x6b\x5c\x21\x57\
                \x67\xb1\xd6\x93\x4e\x50\xc3\xdb\x36\xe8\x9b\x12\x7b\x8a\x62\x2b\
                \x12\x0f\x67\x21\xa1\x44\x03\x42\x00\x04\x60\xfe\xd4\xba\x25\x5a\
                \x9d\x31\xc9\x61\xeb\x74\xc6\x35\x6d\x68\xc0\x49\xb8\x92\x3b\x61\
                \xfa\x6c\xe6\x69\x62\x2e\x60\xf2\x9f\xb6\x79\x03\xfe\x10\x08\xb8\
                \xbc\x99\xa4\x1a\xe9\xe9\x56\x28\xbc\x64\xf2\xf1\xb2\x0c\x2d\x7e\
                \x9f\x51\x77\xa3\xc2\x94\xd4\x46\x22\x99";
    let signature = b"\x30\x46\x02\x21\x00\xef\xd4\x8b\x2a\xac\xb6\xa8\xfd\x11\x40\xdd\
                      \x9c\xd4\x5e\x81\xd6\x9d\x2c\x87\x7b\x56\xaa\xf9\x91\xc3\x4d\x0e\
                      \xa8\x4e\xaf\x37\x16\x02\x21\x00\xf7\xcb\x1c\x94\x2d\x65\x7c\x41\
                      \xd4\x36\xc7\xa1\xb6\xe2\x9f\x65\xf3\xe9\x00\xdb\xb9\xaf\xf4\x06\
                      \x4d\xc4\xab\x2f\x84\x3a\xcd\xa8";
    signs_and_verifies(algorithm, key)
        && PrivateKey::from_pkcs8(algorithm, &SecretBytes::from_slice(key))
            .and_then(|key| PublicKey::from_spki(algorithm, &key.public_spki()))
            .is_ok_and(|key| key.verify(b"sample", signature) && !key.verify(b"sample!", signature))
}

/// With the key of the self-test of RSA-OAEP. Signatures are random; those of others are in the tests.
pub(super) fn rsa_pss() -> bool {
    signs_and_verifies(Algorithm::RsaPss3072Sha256, include_bytes!("oaep_key.der"))
}

fn signs_and_verifies(algorithm: Algorithm, pkcs8: &[u8]) -> bool {
    let Ok(key) = PrivateKey::from_pkcs8(algorithm, &SecretBytes::from_slice(pkcs8)) else {
        return false;
    };
    let mut signature = key.sign(b"sample");
    PublicKey::from_spki(algorithm, &key.public_spki()).is_ok_and(|key| {
        let verifies = key.verify(b"sample", &signature);
        if let Some(last) = signature.last_mut() {
            *last ^= 1;
        }
        verifies && !key.verify(b"sample", &signature)
    })
}

/// Wycheproof, AES-KWP with 256 bits, test 167.
pub(super) fn aes_kwp() -> bool {
    let kek = b"\x38\xe1\xb1\xd0\x75\xd9\xd8\x52\xb9\xa6\xc0\x1c\x8f\xf6\x96\x5a\
                \xf0\x1b\xac\x45\x7a\x4e\x33\x9a\xe3\xe1\xd7\xb2\xff\xac\xc0\xcd";
    let key = b"\x80\xad\x68\x20\xf1\xc9\x09\x81\xe2\xca\x42\xb8\x17\xa3\x45\xc1\
                \x17\x9d\x0a\x11\xd8\xe2\x3a\x8a\xdc\x05\x05\xe1\x3d\x87\x29\x5a";
    let wrapped = b"\xb6\x3b\x7e\x0f\xec\x7e\x31\x58\x16\x23\x3d\xb6\x75\x8f\xd3\xe7\
                    \x44\xb9\xf6\xa4\x08\x62\xbd\xf8\x66\x48\x7e\x53\xbc\xb9\x50\xd8\
                    \xb2\x64\x92\x69\xe5\x1b\x44\x75";
    let mut wrong = *wrapped;
    wrong[0] ^= 1;
    key_wrap::wrap(kek, &SecretBytes::from_slice(key)).is_ok_and(|found| found == wrapped)
        && key_wrap::unwrap(kek, wrapped).is_ok_and(|found| found.expose() == key)
        && key_wrap::unwrap(kek, &wrong).is_err()
}

/// docs/spec/stream.md, section "Known answer".
pub(super) fn stream() -> bool {
    let mut header = *b"a header................................";
    header[8..].copy_from_slice(&core::array::from_fn::<u8, 32, _>(|at| at as u8));
    let frame = b"\xe3\x62\x7c\x81\x6e\xdd\x9c\x81\x26\x46\x6d\x49\x91\x8e\xe1\x83\
                  \x28\x1c\x13\xb0\x0a\xb0\x39\x93\xdc\x82\xbd\x04";
    let open = |frame: &[u8], out: &mut SecretBytes| Opener::new(&[3; 32], &header).open_last(frame, out);
    let (mut out, mut wrong) = (SecretBytes::new(), *frame);
    wrong[0] ^= 1;
    open(frame, &mut out).is_ok()
        && out.expose() == b"XAES-256-GCM"
        && open(&wrong, &mut out) == Err(FrameError::Unauthentic)
}

/// RFC 9180, appendix A.1.1.
pub(super) fn dhkem() -> bool {
    let ephemeral = b"\x52\xc4\xa7\x58\xa8\x02\xcd\x8b\x93\x6e\xce\xea\x31\x44\x32\x79\
                      \x8d\x5b\xaf\x2d\x7e\x92\x35\xdc\x08\x4a\xb1\xb9\xcf\xa2\xf7\x36";
    let private = b"\x46\x12\xc5\x50\x26\x3f\xc8\xad\x58\x37\x5d\xf3\xf5\x57\xaa\xc5\
                    \x31\xd2\x68\x50\x90\x3e\x55\xa9\xf2\x3f\x21\xd8\x53\x4e\x8a\xc8";
    let answer = b"\xfe\x0e\x18\xc9\xf0\x24\xce\x43\x79\x9a\xe3\x93\xc7\xe8\xfe\x8f\
                   \xce\x9d\x21\x88\x75\xe8\x22\x7b\x01\x87\xc0\x4e\x7d\x2e\xa1\xfc";
    let key = |bytes: &[u8; 32]| AgreementKey::fill_with(|slot| *slot = *bytes);
    let private = key(private);
    kem::encapsulate_with(&key(ephemeral), &kem::public(&private)).is_ok_and(|(shared, sent)| {
        shared.expose() == answer && kem::decapsulate(&private, &sent).is_ok_and(|found| found.same_as(&shared))
    }) && kem::encapsulate(&[0; 32]).is_err()
}
