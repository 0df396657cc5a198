//! Proves that cells, envelopes, manifests and names of types are those of the specification, as the second implementation
//! reads and writes them, Microsoft's own cells and envelope among them.

use strongroom_column::envelope::OpenError;
use strongroom_column::manifest::{ManifestError, VerifyingKey};
use strongroom_column::master::MasterKey;
use strongroom_column::{CellKey, Class, KeyEnvelope, Manifest, Mode, PlainType, key_check};
use strongroom_secret::{ColumnKey, SecretBytes};

use crate::vector::{Vector, check_all};

#[test]
fn cells() {
    check_all("cell", 20, |vector| {
        let column_key = ColumnKey::from_slice(&vector.bytes("key")).unwrap();
        let key = CellKey::derive(&column_key);
        let mut plain = Vec::new();
        if key.open(&vector.bytes("cell"), &mut plain).is_err() {
            return "not_opened".to_owned();
        }
        assert_eq!(plain, vector.bytes("plain"));
        assert_eq!(key_check(&column_key).as_slice(), vector.bytes("check"));
        if Mode::from_word(vector.text("mode")) == Some(Mode::Deterministic) {
            let mut cell = Vec::new();
            key.seal(Mode::Deterministic, &plain, &mut cell);
            assert_eq!(cell, vector.bytes("cell"));
        }
        "ok".to_owned()
    });
}

#[test]
fn envelopes() {
    check_all("column_envelope", 12, |vector| {
        let master = MasterKey::from_pkcs8(&SecretBytes::from_vec(vector.bytes("master"))).unwrap();
        let bytes = vector.bytes("envelope");
        let Ok(envelope) = KeyEnvelope::parse(&bytes) else { return "malformed".to_owned() };
        match envelope.open(&master) {
            Ok(column_key) => {
                assert_eq!(column_key.expose().as_slice(), vector.bytes("column_key"));
                assert_eq!(envelope.key_path().as_deref(), Some(vector.text("path")));
                assert!(envelope.signed_by(master.public()));
                "ok".to_owned()
            }
            Err(OpenError::NotOpened) => "not_opened".to_owned(),
            Err(OpenError::Malformed(error)) => panic!("{error}"),
        }
    });
}

fn manifest_outcome(vector: &Vector) -> String {
    let public = VerifyingKey::from_spki(&vector.bytes("public")).unwrap();
    let document = vector.bytes("document");
    let failure = match Manifest::verify(&document, &vector.bytes("signature"), &public) {
        Ok(manifest) => {
            assert_eq!(manifest.sequence, vector.number("sequence"));
            assert_eq!(manifest.columns.len() as u64, vector.number("columns"));
            assert_eq!(manifest.keys.len() as u64, vector.number("keys"));
            assert_eq!(manifest.to_canonical().unwrap(), document);
            "ok"
        }
        Err(ManifestError::Signature) => "signature",
        Err(ManifestError::TooLong { .. }) => "too_long",
        Err(ManifestError::Shape(_)) => "shape",
        Err(ManifestError::Newer { .. }) => "newer",
        Err(ManifestError::Content { .. }) => "content",
        Err(ManifestError::NotCanonical) => "not_canonical",
    };
    failure.to_owned()
}

#[test]
fn manifests() {
    check_all("manifest", 45, manifest_outcome);
}

#[test]
fn names_of_types() {
    check_all("column_type", 8, |vector| {
        let class = Class {
            key: vector.text("key").to_owned(),
            mode: Mode::from_word(vector.text("mode")).unwrap(),
            plain: PlainType::parse(vector.text("type")).unwrap(),
        };
        assert_eq!(class.type_name(), vector.text("type_name"));
        "ok".to_owned()
    });
}
