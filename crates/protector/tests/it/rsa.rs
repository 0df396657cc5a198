//! The RSA protector: opens with its own certificate's key and with nothing else, and says which certificate it wants.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use strongroom_crypto::oaep::KeyError;
use strongroom_crypto::random;
use strongroom_envelope::protector::{ProtectorRecord, mac_key, parse, root_id};
use strongroom_envelope::{Generation, protector};
use strongroom_protector::{
    CertificateError, Given, Kind, Protector, ReadError, RsaSettings, Surroundings, UnwrapError, WrapError,
    WrappingTerms, configured,
};

use crate::fixture::{Place, STORE, new_id, new_root, opens, refusal, set_mode, wrap};
use crate::peer::{hex, run, unhex};

/// Certificates and keys that Python made, in a directory of their own.
pub struct Office {
    place: Place,
}

impl Office {
    /// `None` where there is no Python to make them.
    pub fn new(test: &str) -> Option<Self> {
        let place = Place::new();
        run(test, "certificates.py", &["make", place.path().to_str().unwrap()])?;
        Some(Self { place })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.place.path().join(name)
    }

    pub fn surroundings(&self, certificate: &str, private_key: &str) -> Surroundings {
        let mut surroundings = (*self.place.surroundings()).clone();
        let settings = RsaSettings::Files { certificate: self.path(certificate), private_key: self.path(private_key) };
        surroundings.configuration.rsa.insert("office".into(), settings);
        surroundings
    }

    fn protector(&self, certificate: &str, private_key: &str) -> Box<dyn Protector> {
        of(self.surroundings(certificate, private_key))
    }
}

pub fn of(surroundings: Surroundings) -> Box<dyn Protector> {
    configured(&Arc::new(surroundings), Kind::Rsa, "office", Given::Nothing).unwrap()
}

/// Why this certificate and key wrap nothing.
fn why(protector: &dyn Protector) -> CertificateError {
    match wrap(protector, &new_root()).unwrap_err() {
        WrapError::Certificate(reason) => {
            assert!(!reason.to_string().is_empty() && !reason.how_to_mend().is_empty());
            reason
        }
        other => panic!("{other}"),
    }
}

#[test]
fn pem_and_der_are_the_same() {
    let Some(office) = Office::new("rsa::pem_and_der_are_the_same") else { return };
    let root = new_root();
    let record = wrap(office.protector("office.pem", "office.key").as_ref(), &root).unwrap();
    for (certificate, private_key) in [("office.der", "office.key.der"), ("office.pem", "office.key.der")] {
        assert!(opens(office.protector(certificate, private_key).as_ref(), &record, &root));
    }
    assert_eq!(record.parameter, "office");
    let find = |name: &str| record.bound_to.iter().find(|(found, _)| found == name).unwrap().1.as_str();
    assert_eq!((find("certificate"), find("subject"), find("issuer")), ("office", "CN=office", "CN=office"));
    assert_eq!((find("serial"), find("valid_until")), ("0badcafe", "2119-12-08T00:00:00.000Z"));
    assert_eq!(find("spki_sha256").len(), 64);
}

#[test]
fn an_expired_certificate_opens_and_says_so() {
    let Some(office) = Office::new("rsa::an_expired_certificate_opens_and_says_so") else { return };
    let root = new_root();
    let protector = office.protector("expired.pem", "office.key");
    let record = wrap(protector.as_ref(), &root).unwrap();
    assert!(opens(protector.as_ref(), &record, &root));
    assert!(record.bound_to.contains(&("valid_until".into(), "2020-01-31T00:00:00.000Z".into())));
    // A renewed certificate with the same key opens, too.
    assert!(opens(office.protector("office.pem", "office.key").as_ref(), &record, &root));
}

#[test]
fn another_certificate_is_named_by_both_fingerprints() {
    let Some(office) = Office::new("rsa::another_certificate_is_named_by_both_fingerprints") else { return };
    let record = wrap(office.protector("office.pem", "office.key").as_ref(), &new_root()).unwrap();
    let other = office.protector("other.pem", "other.key");
    let found = refusal(other.as_ref(), &record).to_string();
    let fingerprint =
        |bound_to: Vec<(String, String)>| bound_to.into_iter().find(|(name, _)| name == "spki_sha256").unwrap().1;
    for named in [fingerprint(record.bound_to), fingerprint(other.bound_to()), "0badcafe".into(), "CN=office".into()] {
        assert!(found.contains(&named), "{named} is not in: {found}");
    }
    let mixed = why(office.protector("office.pem", "other.key").as_ref());
    assert!(matches!(mixed, CertificateError::Mismatch { .. }), "{mixed}");
}

#[test]
fn keys_that_are_too_short_or_not_rsa_are_refused() {
    let Some(office) = Office::new("rsa::keys_that_are_too_short_or_not_rsa_are_refused") else { return };
    let short = why(office.protector("short.pem", "short.key").as_ref());
    assert!(matches!(short, CertificateError::PublicKey { source: KeyError::TooShort { bits: 2048 }, .. }), "{short}");
    let short = why(office.protector("office.pem", "short.key").as_ref());
    assert!(matches!(short, CertificateError::PrivateKey { source: KeyError::TooShort { bits: 2048 }, .. }), "{short}");
    let curve = why(office.protector("curve.pem", "curve.key").as_ref());
    assert!(matches!(curve, CertificateError::PublicKey { source: KeyError::Invalid, .. }), "{curve}");
    for (private_key, what) in [("office.pkcs1", "PKCS#1"), ("locked.key", "PKCS#8 under a password")] {
        let found = why(office.protector("office.pem", private_key).as_ref());
        assert!(matches!(found, CertificateError::NotPkcs8 { found, .. } if found == what), "{found}");
    }
    let swapped = why(office.protector("office.key", "office.key").as_ref());
    assert!(matches!(swapped, CertificateError::Malformed { .. }), "{swapped}");
    let missing = why(office.protector("missing.pem", "office.key").as_ref());
    assert!(matches!(missing, CertificateError::Unreadable { .. }), "{missing}");
}

#[test]
fn the_private_key_is_read_only_when_nobody_else_can() {
    let Some(office) = Office::new("rsa::the_private_key_is_read_only_when_nobody_else_can") else { return };
    let protector = office.protector("office.pem", "office.key");
    let root = new_root();
    let record = wrap(protector.as_ref(), &root).unwrap();
    let file = office.path("office.key");
    let why_not = || match refusal(protector.as_ref(), &record) {
        UnwrapError::Certificate(CertificateError::PrivateKeyFile(reason)) => reason,
        other => panic!("{other}"),
    };
    for open in [0o640, 0o604, 0o620, 0o610] {
        set_mode(&file, open);
        assert!(matches!(why_not(), ReadError::TooOpen { mode, .. } if mode == open), "{open:04o}");
    }
    set_mode(&file, 0o400);
    assert!(opens(protector.as_ref(), &record, &root));
    fs::rename(&file, office.path("moved")).unwrap();
    std::os::unix::fs::symlink(office.path("moved"), &file).unwrap();
    assert!(matches!(why_not(), ReadError::Symlink { .. }));
    fs::remove_file(&file).unwrap();
    assert!(matches!(why_not(), ReadError::Missing { .. }));
    fs::write(&file, vec![b'x'; 40_000]).unwrap();
    set_mode(&file, 0o600);
    assert!(matches!(why_not(), ReadError::Unfit { .. }));
}

#[test]
fn every_changed_byte_of_the_blob_is_refused() {
    let Some(office) = Office::new("rsa::every_changed_byte_of_the_blob_is_refused") else { return };
    let protector = office.protector("office.pem", "office.key");
    let record = wrap(protector.as_ref(), &new_root()).unwrap();
    let ciphertext = record.blob.len() - 384;
    for at in (0..ciphertext).chain((ciphertext..record.blob.len()).step_by(61)) {
        let mut changed = record.clone();
        changed.blob[at] ^= 0x10;
        let Err(found) = protector.unwrap(&changed) else {
            // Issuer and serial are for people: the record's MAC is what holds them.
            let text = String::from_utf8_lossy(&record.blob[at - 1..=at]).into_owned();
            assert!(at >= 35 && at < ciphertext - 3, "byte {at} ({text:?}) does not matter");
            continue;
        };
        let is_refused = matches!(
            found,
            UnwrapError::Blob { kind: Kind::Rsa } | UnwrapError::Certificate(_) | UnwrapError::NotAuthentic { .. }
        );
        assert!(is_refused, "byte {at}: {found}");
    }
    let mut longer = record.clone();
    longer.blob.push(0);
    assert!(matches!(refusal(protector.as_ref(), &longer), UnwrapError::Blob { .. }));
    let named = ProtectorRecord { parameter: "home".into(), ..record };
    assert!(matches!(refusal(protector.as_ref(), &named), UnwrapError::OtherParameter { .. }));
}

/// B18: whoever has the certificate can wrap a key of his own. It opens, as a candidate; the record does not pass.
#[test]
fn a_key_that_an_attacker_wrapped_is_not_vouched_for() {
    let Some(office) = Office::new("rsa::a_key_that_an_attacker_wrapped_is_not_vouched_for") else { return };
    let protector = office.protector("office.pem", "office.key");
    let root = new_root();
    let record = wrap(protector.as_ref(), &root).unwrap();
    let (stored, _) = protector::encode(&record, &mac_key(&root), record.record_key(), Generation::new(1, 0)).unwrap();
    assert!(parse(record.record_key(), &stored).unwrap().verify_mac(&mac_key(&root)));

    let attackers = new_root();
    let planted = protector.wrap(&attackers, record.protector_id, &mut random::fill, record.created_at).unwrap();
    let key = planted.record_key();
    let (stored, _) = protector::encode(&planted, &mac_key(&attackers), key, Generation::new(1, 1)).unwrap();
    let parsed = parse(key, &stored).unwrap();
    let candidate = protector.unwrap(&parsed.record).unwrap();
    assert!(candidate.same_as(&attackers));
    assert_ne!(root_id(&candidate), root_id(&root), "it is not the root key that is expected");
    assert!(!parsed.verify_mac(&mac_key(&root)), "and the true root key does not vouch for the record");
}

#[test]
fn the_second_implementation_opens_what_is_made_here() {
    const NAME: &str = "rsa::the_second_implementation_opens_what_is_made_here";
    let Some(office) = Office::new(NAME) else { return };
    let id = new_id();
    let protector = office.protector("office.pem", "office.key");
    let (key, terms) = protector.new_wrapping_key(id, &mut random::fill).unwrap();
    let private_key = office.path("office.key");
    let [store, id, salt, blob] = [&STORE.0[..], &id.0, &terms.salt, &terms.blob].map(hex);
    let arguments = ["key", private_key.to_str().unwrap(), &store, &id, &salt, &blob];
    assert_eq!(run(NAME, "certificates.py", &arguments).unwrap().trim(), hex(key.expose()));
}

/// B30: only OAEP with SHA-256 under the right label opens; PKCS#1 v1.5 is refused, and nothing tells them apart.
#[test]
fn what_the_second_implementation_makes_opens_only_by_the_book() {
    const NAME: &str = "rsa::what_the_second_implementation_makes_opens_only_by_the_book";
    let Some(office) = Office::new(NAME) else { return };
    let id = new_id();
    let protector = office.protector("office.pem", "office.key");
    let certificate = office.path("office.pem");
    let salt: Vec<u8> = (0..32).collect();
    let [store, protector_id, secret, salt_text] = [&STORE.0[..], &id.0, &[0x5e; 32], &salt].map(hex);
    let make = |how: &str, secret: &str| {
        let path = certificate.to_str().unwrap();
        let made = run(NAME, "certificates.py", &["blob", path, &store, &protector_id, how, secret, &salt_text]);
        let made = made.unwrap();
        let (blob, key) = made.trim().split_once(' ').unwrap();
        let terms =
            WrappingTerms { salt: salt.clone(), parameters: None, parameter: "office".into(), blob: unhex(blob) };
        (terms, key.to_owned())
    };
    let (terms, key) = make("oaep-sha256", &secret);
    assert_eq!(hex(protector.wrapping_key(id, &terms).unwrap().expose()), key);
    let mut refusals = Vec::new();
    for how in ["oaep-sha1", "oaep-no-label", "pkcs1"] {
        let found = protector.wrapping_key(id, &make(how, &secret).0).unwrap_err();
        assert!(matches!(found, UnwrapError::NotAuthentic { .. }), "{how}: {found}");
        refusals.push(found.to_string());
    }
    // The right padding around a secret of another length.
    refusals.push(protector.wrapping_key(id, &make("oaep-sha256", &secret[2..]).0).unwrap_err().to_string());
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
}
