//! Proves that manifests never go back, are put in order where they are written, and are read with the right key only.

use strongroom_column::manifest::{BadVerifyingKey, ManifestError, Newest, OlderManifest, SIGNED_PREFIX, VerifyingKey};
use strongroom_column::{Manifest, Mode};
use strongroom_crypto::asymmetric::{Algorithm, PrivateKey};

use crate::vector::named;

fn sample() -> Manifest {
    Manifest::parse_unverified(&named("manifest/two-columns").bytes("document")).unwrap()
}

fn pem(spki: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(spki);
    format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n")
}

#[test]
fn what_is_written_signed_and_verified_is_the_same() {
    let key = PrivateKey::generate(Algorithm::Ed25519);
    let public = VerifyingKey::from_pem(&pem(&key.public_spki())).unwrap();
    assert_eq!(public.spki(), key.public_spki());
    let mut manifest = sample();
    manifest.columns.reverse();
    let document = manifest.to_canonical().unwrap();
    let signature = key.sign(&Manifest::signed_bytes(&document));
    assert!(Manifest::signed_bytes(&document).starts_with(SIGNED_PREFIX));
    let read = Manifest::verify(&document, &signature, &public).unwrap();
    assert_eq!(read, sample());
    assert_eq!(read.column("public", "patients", "ssn").unwrap().class.mode, Mode::Deterministic);
    assert!(read.column("other", "patients", "ssn").is_none());
    assert!(read.key("cek1").is_some() && read.key("cek2").is_none());

    for position in [0, document.len() - 1] {
        let mut changed = document.clone();
        changed[position] ^= 1;
        assert!(matches!(Manifest::verify(&changed, &signature, &public), Err(ManifestError::Signature)));
    }
    // The same bytes signed for something else.
    let elsewhere = key.sign(&document);
    assert!(matches!(Manifest::verify(&document, &elsewhere, &public), Err(ManifestError::Signature)));
}

#[test]
fn what_could_not_be_read_is_not_written() {
    let mut manifest = sample();
    manifest.columns.push(manifest.columns[0].clone());
    assert!(matches!(manifest.to_canonical(), Err(ManifestError::Content { .. })));
    let mut manifest = sample();
    manifest.sequence = 0;
    assert!(matches!(manifest.to_canonical(), Err(ManifestError::Content { .. })));
}

#[test]
fn a_manifest_never_goes_back() {
    let document = |sequence: u64, keep: usize| {
        let mut manifest = sample();
        manifest.sequence = sequence;
        manifest.columns.truncate(keep);
        let document = manifest.to_canonical().unwrap();
        (manifest, document)
    };
    let (manifest, bytes) = document(7, 2);
    let mut newest = Newest::of(&manifest, &bytes);
    assert_eq!(newest.advance(&manifest, &bytes), Ok(false));
    let (next, next_bytes) = document(9, 1);
    assert_eq!(newest.advance(&next, &next_bytes), Ok(true));
    let before = newest.clone();
    assert_eq!(newest.advance(&manifest, &bytes), Err(OlderManifest::WentBack { seen: 9, found: 7 }));
    let (other, other_bytes) = document(9, 2);
    assert_eq!(newest.advance(&other, &other_bytes), Err(OlderManifest::Forked { sequence: 9 }));
    let (mut foreign, _) = document(10, 1);
    foreign.database = "00000000-0000-4000-8000-000000000000".to_owned();
    let foreign_bytes = foreign.to_canonical().unwrap();
    assert!(matches!(newest.advance(&foreign, &foreign_bytes), Err(OlderManifest::OtherDatabase { .. })));
    assert_eq!(newest, before);
}

#[test]
fn other_keys_are_refused() {
    assert_eq!(VerifyingKey::from_pem("ssh-ed25519 AAAA").unwrap_err(), BadVerifyingKey::NotPem);
    let rsa_or_ecdsa = PrivateKey::generate(Algorithm::EcdsaP256Sha256).public_spki();
    assert!(matches!(VerifyingKey::from_pem(&pem(&rsa_or_ecdsa)), Err(BadVerifyingKey::Refused(_))));
}
