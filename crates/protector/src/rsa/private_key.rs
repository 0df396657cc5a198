//! The private key of an RSA protector: PKCS#8 from a file that only the service's account can read.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use strongroom_crypto::oaep::PrivateKey;
use strongroom_secret::SecretBytes;

use super::certificate::Certificate;
use super::refusal::CertificateError;
use crate::secret_file;

/// Loads the key and makes sure that it is the certificate's.
pub(super) fn load(path: &Path, certificate: &Certificate, name: &str) -> Result<PrivateKey, CertificateError> {
    let content = secret_file::load(path, LONGEST).map_err(CertificateError::PrivateKeyFile)?;
    let der = der_of(content).map_err(|found| CertificateError::NotPkcs8 { path: path.to_path_buf(), found })?;
    let key = PrivateKey::from_pkcs8(der.expose())
        .map_err(|source| CertificateError::PrivateKey { path: path.to_path_buf(), source })?;
    if belongs(&key, certificate) {
        Ok(key)
    } else {
        Err(CertificateError::Mismatch { name: name.to_owned(), path: path.to_path_buf() })
    }
}

/// Whether what the certificate encrypts is decrypted by the key.
pub(super) fn belongs(key: &PrivateKey, certificate: &Certificate) -> bool {
    let probe = certificate.public_key.encrypt(PROBE_LABEL, PROBE);
    probe.is_ok_and(|probe| key.decrypt(PROBE_LABEL, &probe).is_ok_and(|opened| opened.expose() == PROBE))
}

/// The DER of a file that is DER already or PEM; else what it is.
fn der_of(content: SecretBytes) -> Result<SecretBytes, &'static str> {
    let text = content.expose().trim_ascii();
    let Some(rest) = text.strip_prefix(BEGIN) else {
        return if text.starts_with(b"-----BEGIN") { Err(kind_of(text)) } else { Ok(content) };
    };
    let end = rest.windows(END.len()).position(|window| window == END).ok_or("cut short")?;
    let mut compact = SecretBytes::with_capacity(end);
    rest[..end].iter().filter(|byte| !byte.is_ascii_whitespace()).for_each(|byte| compact.push(*byte));
    let mut der = SecretBytes::with_capacity(end);
    let room = der.extend_zeroed(end);
    // The decoder's own error names a byte of the key.
    let length = STANDARD.decode_slice(compact.expose(), room).map_err(|_| "malformed PEM")?;
    der.truncate(length);
    Ok(der)
}

fn kind_of(text: &[u8]) -> &'static str {
    if text.starts_with(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") {
        "PKCS#8 under a password"
    } else if text.starts_with(b"-----BEGIN RSA PRIVATE KEY-----") {
        "PKCS#1"
    } else {
        "another kind of PEM"
    }
}

const BEGIN: &[u8] = b"-----BEGIN PRIVATE KEY-----";
const END: &[u8] = b"-----END PRIVATE KEY-----";
const LONGEST: usize = 32 * 1024;
const PROBE: &[u8] = b"strongroom";
const PROBE_LABEL: &[u8] = b"";
