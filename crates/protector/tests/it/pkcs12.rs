//! Certificate and private key from one PKCS#12 file: what OpenSSL wrote opens with its password and nothing else, what is not strong
//! any more is refused and named, and no change of the file goes unnoticed.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use strongroom_protector::{
    CertificateError, Given, Kind, Pkcs12Problem, Protector, ReadError, RsaSettings, WrapError, configured,
};

use crate::fixture::{new_root, opens, set_mode, wrap};
use crate::rsa::{Office, of};

const PASSWORD: &str = "pass wörd 4711";

/// Certificates, and what OpenSSL makes of them.
struct Files {
    office: Office,
}

impl Files {
    /// `None` where Python or OpenSSL is missing.
    fn new(test: &str) -> Option<Self> {
        if !Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success()) {
            eprintln!("not run: {test}: the program openssl is missing");
            return None;
        }
        let files = Self { office: Office::new(test)? };
        files.password(&format!("{PASSWORD}\n"));
        Some(files)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.office.path(name)
    }

    fn password(&self, password: &str) {
        fs::write(self.path("password"), password).unwrap();
        set_mode(&self.path("password"), 0o600);
    }

    /// Has OpenSSL make `out.p12`; false when it does not do that (its legacy provider may be missing).
    fn export(&self, words: &[&str]) -> bool {
        let path = |name: &str| self.path(name).display().to_string();
        let output = Command::new("openssl")
            .args(["pkcs12", "-export", "-out", &path("out.p12"), "-passout", &format!("pass:{PASSWORD}")])
            .args(words.iter().map(|word| word.strip_prefix('@').map_or_else(|| (*word).to_owned(), path)))
            .output()
            .unwrap();
        if output.status.success() {
            set_mode(&self.path("out.p12"), 0o600);
        } else {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
        output.status.success()
    }

    fn protector(&self) -> Box<dyn Protector> {
        let mut surroundings = self.office.surroundings("office.pem", "office.key");
        let settings = RsaSettings::Pkcs12 { file: self.path("out.p12"), password_file: self.path("password") };
        surroundings.configuration.rsa.insert("office".into(), settings);
        configured(&Arc::new(surroundings), Kind::Rsa, "office", Given::Nothing).unwrap()
    }

    /// Why it is of no use.
    fn why(&self) -> CertificateError {
        match wrap(self.protector().as_ref(), &new_root()).unwrap_err() {
            WrapError::Certificate(reason) => {
                assert!(!reason.how_to_mend().is_empty());
                reason
            }
            other => panic!("{other}"),
        }
    }

    fn problem(&self) -> Pkcs12Problem {
        match self.why() {
            CertificateError::Pkcs12 { problem, .. } => problem,
            other => panic!("{other}"),
        }
    }
}

const PAIR: [&str; 4] = ["-inkey", "@office.key", "-in", "@office.pem"];

/// As OpenSSL makes it by default, with other lengths and digests, and with the certificates of others in it: what it opens is what
/// the two files open.
#[test]
fn what_openssl_exports_opens() {
    let Some(files) = Files::new("pkcs12::what_openssl_exports_opens") else { return };
    let root = new_root();
    let two_files = of(files.office.surroundings("office.pem", "office.key"));
    let record = wrap(two_files.as_ref(), &root).unwrap();
    for words in [
        &[][..],
        &["-certpbe", "AES-128-CBC", "-keypbe", "AES-192-CBC", "-iter", "1"],
        &["-iter", "100000", "-name", "a friendly name"],
        &["-certfile", "@other.pem"],
        &["-certpbe", "NONE"],
        &["-keypbe", "NONE"],
    ] {
        assert!(files.export(&[&PAIR[..], words].concat()), "{words:?}");
        let protector = files.protector();
        assert!(opens(protector.as_ref(), &record, &root), "{words:?}");
        let own = wrap(protector.as_ref(), &root).unwrap();
        assert!(opens(two_files.as_ref(), &own, &root), "{words:?}");
        assert_eq!(protector.bound_to(), two_files.bound_to(), "{words:?}");
    }
    // With and without a line end.
    for password in [PASSWORD.to_owned(), format!("{PASSWORD}\r\n")] {
        files.password(&password);
        assert!(opens(files.protector().as_ref(), &record, &root));
    }
}

#[test]
fn another_password_does_not_open() {
    let Some(files) = Files::new("pkcs12::another_password_does_not_open") else { return };
    assert!(files.export(&PAIR));
    for password in ["\n", "pass word 4711", &format!("{PASSWORD} "), &format!("{PASSWORD}\n\n")] {
        files.password(password);
        assert_eq!(files.problem(), Pkcs12Problem::DoesNotOpen, "{password:?}");
    }
    fs::write(files.path("password"), b"\xff\xfe").unwrap();
    assert_eq!(files.problem(), Pkcs12Problem::NotUtf8);
    set_mode(&files.path("password"), 0o644);
    assert!(matches!(files.why(), CertificateError::PrivateKeyFile(ReadError::TooOpen { mode: 0o644, .. })));
    files.password(PASSWORD);
    set_mode(&files.path("out.p12"), 0o644);
    assert!(matches!(files.why(), CertificateError::PrivateKeyFile(ReadError::TooOpen { mode: 0o644, .. })));
}

#[test]
fn what_is_not_strong_any_more_is_refused() {
    let Some(files) = Files::new("pkcs12::what_is_not_strong_any_more_is_refused") else { return };
    let ciphers = Pkcs12Problem::Legacy("encryption with RC2, RC4 or 3DES");
    for (words, expected) in [
        (&["-legacy"][..], Pkcs12Problem::Legacy("a MAC with SHA-1")),
        (&["-macalg", "SHA1"], Pkcs12Problem::Legacy("a MAC with SHA-1")),
        (&["-legacy", "-macalg", "SHA256"], ciphers),
        (&["-keypbe", "PBE-SHA1-3DES"], ciphers),
        (&["-certpbe", "PBE-SHA1-3DES"], ciphers),
        (&["-certpbe", "DES-EDE3-CBC"], ciphers),
        (&["-macalg", "SHA512"], Pkcs12Problem::Unknown),
        (&["-nomac"], Pkcs12Problem::NoMac),
    ] {
        if !files.export(&[&PAIR[..], words].concat()) {
            eprintln!(
                "not run: pkcs12::what_is_not_strong_any_more_is_refused: {words:?}: this openssl does not make it"
            );
            continue;
        }
        assert_eq!(files.problem(), expected, "{words:?}");
    }
}

#[test]
fn what_does_not_hold_what_is_needed_is_named() {
    let Some(files) = Files::new("pkcs12::what_does_not_hold_what_is_needed_is_named") else { return };
    assert!(files.export(&["-nokeys", "-in", "@office.pem"]));
    assert_eq!(files.problem(), Pkcs12Problem::NotOneKey);
    assert!(files.export(&["-nocerts", "-inkey", "@office.key", "-in", "@office.key"]));
    assert_eq!(files.problem(), Pkcs12Problem::NoCertificate);
    assert!(files.export(&["-inkey", "@short.key", "-in", "@short.pem"]));
    assert!(matches!(files.why(), CertificateError::PrivateKey { .. }), "2048 bits");
    fs::copy(files.path("office.pem"), files.path("out.p12")).unwrap();
    set_mode(&files.path("out.p12"), 0o600);
    assert_eq!(files.problem(), Pkcs12Problem::Malformed);
}

/// Each byte changed, and every cut: refused, and nothing panics.
#[test]
fn a_changed_file_does_not_open() {
    let Some(files) = Files::new("pkcs12::a_changed_file_does_not_open") else { return };
    assert!(files.export(&[&PAIR[..], &["-iter", "1", "-maciter"]].concat()));
    let whole = fs::read(files.path("out.p12")).unwrap();
    let put = |bytes: &[u8]| fs::write(files.path("out.p12"), bytes).unwrap();
    // What the MAC covers, sparsely; its own structure at both ends, densely.
    let ends = whole.len() - 80;
    for at in (0..40).chain((40..ends).step_by(61)).chain(ends..whole.len()) {
        for bits in [1, 0x80] {
            let mut changed = whole.clone();
            changed[at] ^= bits;
            put(&changed);
            let Err(WrapError::Certificate(CertificateError::Pkcs12 { problem, .. })) =
                wrap(files.protector().as_ref(), &new_root())
            else {
                panic!("byte {at}, bits {bits:#x}");
            };
            let expected = [Pkcs12Problem::Malformed, Pkcs12Problem::DoesNotOpen, Pkcs12Problem::Unknown];
            assert!(expected.contains(&problem), "byte {at}: {problem:?}");
        }
    }
    for length in (0..whole.len()).step_by(7) {
        put(&whole[..length]);
        assert!(
            matches!(files.why(), CertificateError::Pkcs12 { .. } | CertificateError::PrivateKeyFile(_)),
            "{length}"
        );
    }
    put(&[&whole[..], &[0]].concat());
    assert_eq!(files.problem(), Pkcs12Problem::Malformed);
    put(&whole);
    wrap(files.protector().as_ref(), &new_root()).unwrap();
}
