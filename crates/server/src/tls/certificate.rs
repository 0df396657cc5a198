//! The certificate the server makes for itself: self-signed, ECDSA P-256, renewed without changing its key.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256,
};
use strongroom_secret::SecretBytes;
use x509_parser::extensions::GeneralName;
use x509_parser::pem::parse_x509_pem;
use x509_parser::prelude::X509Certificate;

use super::{TlsError, file};
use crate::settings::CertificateFiles;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a certificate is valid. Clients know its key, so only a leaked key would be a reason for less.
const VALID: Duration = DAY.saturating_mul(5 * 365);
/// It is renewed at a start that finds less than this left.
const RENEW: Duration = DAY.saturating_mul(365);

/// The files of the certificate in the data directory, made or renewed when needed.
pub(super) fn keep_current(data: &Path, names: &[String], now: SystemTime) -> Result<CertificateFiles, TlsError> {
    let directory = data.join("tls");
    let files = CertificateFiles {
        certificate: directory.join("certificate.pem"),
        private_key: directory.join("private-key.pem"),
    };
    file::make_directory(&directory)?;
    let wanted: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"]
        .into_iter()
        .map(str::to_owned)
        .chain(host_name())
        .chain(names.iter().cloned())
        .collect();

    let key = match file::read_if_there(&files.private_key)? {
        Some(text) => read_key(&text, &files.private_key)?,
        None => {
            let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
            let text = SecretBytes::from_vec(key.serialize_pem().into_bytes());
            file::write(&files.private_key, text.expose())?;
            key
        }
    };
    let current = file::read_if_there(&files.certificate)?;
    let is_current = current.is_some_and(|text| is_good(text.expose(), &key, &wanted, now));
    if !is_current {
        file::write(&files.certificate, make(&key, &wanted, now)?.as_bytes())?;
    }
    Ok(files)
}

fn read_key(text: &SecretBytes, path: &Path) -> Result<KeyPair, TlsError> {
    let no_key = || TlsError::Pem { path: path.to_owned(), what: "private key" };
    let text = str::from_utf8(text.expose()).map_err(|_| no_key())?;
    KeyPair::from_pem(text).map_err(|_| no_key())
}

fn make(key: &KeyPair, names: &BTreeSet<String>, now: SystemTime) -> Result<String, TlsError> {
    let mut parameters = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
    parameters.not_before = (now - DAY).into();
    parameters.not_after = (now + VALID).into();
    // Not an authority: what a client is told to trust shall be this server and nothing it could sign.
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "strongroom");
    Ok(parameters.self_signed(key)?.pem())
}

/// Whether the certificate is of this key, has all names, and is valid for long enough.
fn is_good(text: &[u8], key: &KeyPair, wanted: &BTreeSet<String>, now: SystemTime) -> bool {
    let Ok((_, pem)) = parse_x509_pem(text) else { return false };
    let Ok(certificate) = pem.parse_x509() else { return false };
    let left = (now + RENEW).duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    certificate.public_key().raw == rcgen::PublicKeyData::subject_public_key_info(key)
        && u64::try_from(certificate.validity().not_after.timestamp()).is_ok_and(|end| end > left)
        && names(&certificate).is_superset(wanted)
}

fn names(certificate: &X509Certificate<'_>) -> BTreeSet<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return BTreeSet::new() };
    let text = |name: &GeneralName<'_>| match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => address(bytes).map(|address| address.to_string()),
        _ => None,
    };
    names.value.general_names.iter().filter_map(text).collect()
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    <[u8; 4]>::try_from(bytes).map(IpAddr::from).or_else(|_| <[u8; 16]>::try_from(bytes).map(IpAddr::from)).ok()
}

/// The name of this host, when a certificate can hold it.
fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    let name = system.nodename().to_str().ok()?;
    let usable = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
    usable.then(|| name.to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::tls::load;

    struct Made {
        certificate: Vec<u8>,
        key: Vec<u8>,
        pin: String,
    }

    fn start(data: &Path, names: &[&str], now: SystemTime) -> Made {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let files = keep_current(data, &names, now).unwrap();
        let pin = load(&files).unwrap().pin;
        Made { certificate: fs::read(&files.certificate).unwrap(), key: fs::read(&files.private_key).unwrap(), pin }
    }

    #[test]
    fn a_second_start_finds_the_same() {
        let data = tempfile::tempdir().unwrap();
        let first = start(data.path(), &[], SystemTime::now());
        let second = start(data.path(), &[], SystemTime::now() + 3 * 365 * DAY);
        assert_eq!((first.certificate, first.key), (second.certificate, second.key));
    }

    #[test]
    fn renewal_keeps_the_key_and_the_pin() {
        let data = tempfile::tempdir().unwrap();
        let first = start(data.path(), &[], SystemTime::now());
        let later = start(data.path(), &[], SystemTime::now() + 5 * 365 * DAY);
        assert_ne!(first.certificate, later.certificate);
        assert_eq!((&first.key, &first.pin), (&later.key, &later.pin));
        let named = start(data.path(), &["vault.example.net", "192.0.2.7"], SystemTime::now() + 5 * 365 * DAY);
        assert_ne!(named.certificate, later.certificate);
        assert_eq!(named.pin, first.pin);
        let (_, pem) = parse_x509_pem(&named.certificate).unwrap();
        let names = names(&pem.parse_x509().unwrap());
        for name in ["localhost", "127.0.0.1", "::1", "vault.example.net", "192.0.2.7"] {
            assert!(names.contains(name), "{name}");
        }
    }

    #[test]
    fn a_lost_or_broken_certificate_is_made_again_for_the_same_key() {
        let data = tempfile::tempdir().unwrap();
        let first = start(data.path(), &[], SystemTime::now());
        let path = data.path().join("tls/certificate.pem");
        fs::remove_file(&path).unwrap();
        assert_eq!(start(data.path(), &[], SystemTime::now()).pin, first.pin);
        fs::write(&path, "nonsense").unwrap();
        assert_eq!(start(data.path(), &[], SystemTime::now()).pin, first.pin);
    }

    #[test]
    fn a_broken_key_is_not_replaced_behind_the_back_of_those_who_pinned_it() {
        let data = tempfile::tempdir().unwrap();
        start(data.path(), &[], SystemTime::now());
        let path = data.path().join("tls/private-key.pem");
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(keep_current(data.path(), &[], SystemTime::now()), Err(TlsError::Pem { .. })));
        assert_eq!(fs::read(&path).unwrap(), b"nonsense");
    }

    #[test]
    fn only_the_owner_may_read() {
        let data = tempfile::tempdir().unwrap();
        start(data.path(), &[], SystemTime::now());
        for (name, mode) in [("tls", 0o700), ("tls/certificate.pem", 0o600), ("tls/private-key.pem", 0o600)] {
            let found = fs::metadata(data.path().join(name)).unwrap().permissions().mode() & 0o7777;
            assert_eq!(found, mode, "{name}");
        }
    }
}
