//! Proves that OpenSSL and this crate make and open each other's envelopes, and that OpenSSL verifies what a master key signs.

use std::path::Path;
use std::process::{Command, Stdio};

use strongroom_column::envelope::{OpenError, PathTooLong};
use strongroom_column::master::{KeyError, MasterKey, PublicMasterKey};
use strongroom_column::{KeyEnvelope, envelope};
use strongroom_secret::{ColumnKey, SecretBytes};
use tempfile::TempDir;

/// OpenSSL in a folder of its own; `None` where it is not there.
struct OpenSsl(TempDir);

impl OpenSsl {
    fn find(test: &str) -> Option<Self> {
        let found = Command::new("openssl").arg("version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            println!("not run: {test}: openssl is not there");
            return None;
        }
        Some(Self(tempfile::tempdir().unwrap()))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Whether it succeeds.
    fn run(&self, words: &str) -> bool {
        let output = Command::new("openssl").args(words.split(' ')).current_dir(self.0.path()).output().unwrap();
        output.status.success()
    }

    /// A new RSA key.
    fn master(&self, bits: u32) -> SecretBytes {
        assert!(
            self.run(&format!("genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:{bits} -outform DER -out master.der"))
        );
        assert!(self.run("pkey -inform DER -in master.der -pubout -outform DER -out public.der"));
        assert!(self.run("pkcs8 -topk8 -nocrypt -inform DER -in master.der -outform DER -out pkcs8.der"));
        assert!(Path::new(&self.path("pkcs8.der")).exists());
        SecretBytes::from_vec(self.read("pkcs8.der"))
    }
}

fn column_key() -> ColumnKey {
    ColumnKey::fill_with(|key| key.iter_mut().zip(0..).for_each(|(byte, number)| *byte = number))
}

#[test]
fn openssl_opens_our_envelope() {
    let Some(openssl) = OpenSsl::find("openssl_opens_our_envelope") else { return };
    for bits in [2048, 3072] {
        let master = MasterKey::from_pkcs8(&openssl.master(bits)).unwrap();
        let path = "cmk€1#1";
        let made = envelope::seal(&master, path, &column_key()).unwrap();
        let modulus = bits as usize / 8;
        assert_eq!(made.len(), 5 + 2 * 7 + 2 * modulus);
        let (signed, signature) = made.split_at(made.len() - modulus);
        openssl.write("signed", signed);
        openssl.write("signature", signature);
        assert!(openssl.run("dgst -sha256 -verify public.der -keyform DER -signature signature signed"));
        openssl.write("wrapped", &signed[signed.len() - modulus..]);
        assert!(openssl.run(
            "pkeyutl -decrypt -inkey pkcs8.der -keyform DER -in wrapped -out column_key -pkeyopt rsa_padding_mode:oaep \
             -pkeyopt rsa_oaep_md:sha1 -pkeyopt rsa_mgf1_md:sha1"
        ));
        assert_eq!(openssl.read("column_key"), column_key().expose());
        assert_eq!(KeyEnvelope::parse(&made).unwrap().key_path().as_deref(), Some(path));
    }
}

#[test]
fn we_open_openssls_envelope() {
    let Some(openssl) = OpenSsl::find("we_open_openssls_envelope") else { return };
    let pkcs8 = openssl.master(2048);
    let master = MasterKey::from_pkcs8(&pkcs8).unwrap();
    for length in [32, 31, 33, 0] {
        openssl.write("column_key", &vec![7; length]);
        assert!(openssl.run(
            "pkeyutl -encrypt -pubin -inkey public.der -keyform DER -in column_key -out wrapped -pkeyopt rsa_padding_mode:oaep"
        ));
        let mut made = vec![1, 8, 0, 0, 1];
        made.extend("path".encode_utf16().flat_map(u16::to_le_bytes));
        made.extend(openssl.read("wrapped"));
        openssl.write("signed", &made);
        assert!(openssl.run("dgst -sha256 -sign pkcs8.der -keyform DER -out signature signed"));
        made.extend(openssl.read("signature"));
        let opened = KeyEnvelope::parse(&made).unwrap().open(&master);
        match opened {
            Ok(key) => assert_eq!((key.expose(), length), (&[7; 32], 32)),
            Err(error) => {
                assert_eq!(error, OpenError::NotOpened);
                assert_ne!(length, 32);
            }
        }
    }
}

#[test]
fn openssl_verifies_the_signature_of_metadata() {
    let Some(openssl) = OpenSsl::find("openssl_verifies_the_signature_of_metadata") else { return };
    let master = MasterKey::from_pkcs8(&openssl.master(2048)).unwrap();
    let signature = master.sign_metadata("STRONGROOM", "Cmk1#1", true);
    let message: Vec<u8> = "strongroomcmk1#1true".encode_utf16().flat_map(u16::to_le_bytes).collect();
    openssl.write("signed", &message);
    openssl.write("signature", &signature);
    assert!(openssl.run("dgst -sha256 -verify public.der -keyform DER -signature signature signed"));
    let public = PublicMasterKey::from_spki(&openssl.read("public.der")).unwrap();
    assert!(public.signed_metadata("strongroom", "cmk1#1", true, &signature));
    assert!(!public.signed_metadata("strongroom", "cmk1#1", false, &signature));
    assert!(!public.signed_metadata("strongroom", "cmk1#2", true, &signature));
}

#[test]
fn short_keys_and_other_files_are_refused() {
    let Some(openssl) = OpenSsl::find("short_keys_and_other_files_are_refused") else { return };
    let short = openssl.master(1024);
    assert_eq!(MasterKey::from_pkcs8(&short).unwrap_err(), KeyError::Invalid);
    assert_eq!(PublicMasterKey::from_spki(&openssl.read("public.der")).unwrap_err(), KeyError::Invalid);
    assert_eq!(MasterKey::from_pkcs8(&SecretBytes::from_slice(b"not a key")).unwrap_err(), KeyError::Invalid);
}

#[test]
fn a_new_key_has_3072_bits_and_opens_only_its_own() {
    let (master, other) = (MasterKey::generate(), MasterKey::generate());
    assert_eq!(master.public().bits(), 3072);
    let made = envelope::seal(&master, "cmk1#1", &column_key()).unwrap();
    assert!(master.open(&made).unwrap().same_as(&column_key()));
    assert_eq!(other.open(&made).unwrap_err(), OpenError::NotOpened);
    assert_ne!(envelope::seal(&master, "cmk1#1", &column_key()).unwrap(), made);
    let again = MasterKey::from_pkcs8(&master.to_pkcs8()).unwrap();
    assert!(again.open(&made).unwrap().same_as(&column_key()));
    assert_eq!(again.public().spki(), master.public().spki());
    let public = PublicMasterKey::from_spki(master.public().spki()).unwrap();
    assert!(KeyEnvelope::parse(&made).unwrap().signed_by(&public));
    assert!(!KeyEnvelope::parse(&made).unwrap().signed_by(other.public()));
    assert_eq!(envelope::seal(&master, &"x".repeat(4001), &column_key()), Err(PathTooLong { units: 4001 }));
    assert_eq!(format!("{master:?}"), "column_envelope::MasterKey(3072 bits, …)");
}
