//! A certificate and its private key from one PKCS#12 file under a password (RFC 7292): what OpenSSL 3 and Java write by default.
//!
//! Of what the format allows this is a small part: a MAC with HMAC-SHA-256, PBES2 with PBKDF2 and AES-CBC. Older ways are named and
//! refused. The MAC is checked before anything else is looked at.

use std::path::Path;

use strongroom_crypto::pkcs12::{Aes, MOST_ITERATIONS, OpenError, Pbes2, Prf, check_mac};
use strongroom_secret::SecretBytes;

use super::der::{self, Der, Malformed};
use super::refusal::{CertificateError, Pkcs12Problem};
use crate::secret_file;

/// The DER of the certificates, in the file's order, and that of the private key as PKCS#8.
pub(super) struct Opened {
    pub(super) certificates: Vec<SecretBytes>,
    pub(super) private_key: SecretBytes,
}

/// Opens the file with the password in the other.
pub(super) fn open(file: &Path, password_file: &Path) -> Result<Opened, CertificateError> {
    let content = secret_file::load(file, LONGEST_FILE).map_err(CertificateError::PrivateKeyFile)?;
    let mut password = secret_file::load(password_file, LONGEST_PASSWORD).map_err(CertificateError::PrivateKeyFile)?;
    // A final line end is no part of it.
    let line = password.expose();
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let length = line.strip_suffix(b"\r").unwrap_or(line).len();
    password.truncate(length);
    read(content.expose(), &password).map_err(|problem| CertificateError::Pkcs12 { path: file.to_path_buf(), problem })
}

fn read(file: &[u8], password: &SecretBytes) -> Result<Opened, Pkcs12Problem> {
    let safe = authentic(file, password)?;
    let mut found = Found { certificates: Vec::new(), keys: Vec::new() };
    let mut contents = der::whole(safe, der::SEQUENCE)?;
    while !contents.is_empty() {
        let mut content = contents.take(der::SEQUENCE)?;
        match content.take_bytes(der::OID)? {
            DATA => found.bags(content.take(der::EXPLICIT)?.take_bytes(der::OCTETS)?, password)?,
            ENCRYPTED_DATA => {
                let mut encrypted = content.take(der::EXPLICIT)?.take(der::SEQUENCE)?;
                encrypted.take_number()?;
                let mut info = encrypted.take(der::SEQUENCE)?;
                info.take_bytes(der::OID)?;
                let algorithm = info.take(der::SEQUENCE)?;
                let bags = decrypt(algorithm, info.take_bytes(der::IMPLICIT)?, password)?;
                found.bags(bags.expose(), password)?;
            }
            _ => return Err(Pkcs12Problem::Unknown),
        }
    }
    let one = found.keys.len() == 1;
    let private_key = found.keys.pop().filter(|_| one).ok_or(Pkcs12Problem::NotOneKey)?;
    Ok(Opened { certificates: found.certificates, private_key })
}

/// The content that the MAC covers, when that is right.
fn authentic<'a>(file: &'a [u8], password: &SecretBytes) -> Result<&'a [u8], Pkcs12Problem> {
    let mut pfx = der::whole(file, der::SEQUENCE)?;
    if pfx.take_number()? != VERSION {
        return Err(Pkcs12Problem::Unknown);
    }
    let mut content = pfx.take(der::SEQUENCE)?;
    if content.take_bytes(der::OID)? != DATA {
        return Err(Pkcs12Problem::Unknown);
    }
    let mut data = content.take(der::EXPLICIT)?;
    let safe = data.take_bytes(der::OCTETS)?;
    if pfx.is_empty() {
        return Err(Pkcs12Problem::NoMac);
    }
    let mut mac = pfx.take(der::SEQUENCE)?;
    let mut digest = mac.take(der::SEQUENCE)?;
    let mut algorithm = digest.take(der::SEQUENCE)?;
    match algorithm.take_bytes(der::OID)? {
        SHA256 => algorithm.take_null()?,
        SHA1 => return Err(Pkcs12Problem::Legacy("a MAC with SHA-1")),
        _ => return Err(Pkcs12Problem::Unknown),
    }
    let expected = digest.take_bytes(der::OCTETS)?;
    let salt = mac.take_bytes(der::OCTETS)?;
    let iterations = if mac.is_empty() { 1 } else { iterations(mac.take_number()?)? };
    // What the MAC does not cover is exactly what it has to be.
    if [pfx, content, data, mac, digest, algorithm].iter().any(|rest| !rest.is_empty()) {
        return Err(Pkcs12Problem::Malformed);
    }
    check_mac(&utf16(password)?, salt, iterations, safe, expected)?;
    Ok(safe)
}

/// What the bags of a file hold.
struct Found {
    certificates: Vec<SecretBytes>,
    keys: Vec<SecretBytes>,
}

impl Found {
    fn bags(&mut self, contents: &[u8], password: &SecretBytes) -> Result<(), Pkcs12Problem> {
        let mut bags = der::whole(contents, der::SEQUENCE)?;
        while !bags.is_empty() {
            let mut bag = bags.take(der::SEQUENCE)?;
            let kind = bag.take_bytes(der::OID)?;
            let value = bag.take_bytes(der::EXPLICIT)?;
            match kind {
                KEY_BAG => self.keys.push(SecretBytes::from_slice(value)),
                SHROUDED_KEY_BAG => {
                    let mut info = der::whole(value, der::SEQUENCE)?;
                    let algorithm = info.take(der::SEQUENCE)?;
                    self.keys.push(decrypt(algorithm, info.take_bytes(der::OCTETS)?, password)?);
                }
                CERTIFICATE_BAG => {
                    let mut certificate = der::whole(value, der::SEQUENCE)?;
                    if certificate.take_bytes(der::OID)? == X509 {
                        let bytes = certificate.take(der::EXPLICIT)?.take_bytes(der::OCTETS)?;
                        self.certificates.push(SecretBytes::from_slice(bytes));
                    }
                }
                // Revocation lists, secrets and nested bags are nothing that is needed here.
                _ => {}
            }
        }
        Ok(())
    }
}

fn decrypt(mut algorithm: Der<'_>, ciphertext: &[u8], password: &SecretBytes) -> Result<SecretBytes, Pkcs12Problem> {
    match algorithm.take_bytes(der::OID)? {
        PBES2 => {}
        oid if oid.starts_with(LEGACY) => return Err(Pkcs12Problem::Legacy("encryption with RC2, RC4 or 3DES")),
        _ => return Err(Pkcs12Problem::Unknown),
    }
    let mut parameters = algorithm.take(der::SEQUENCE)?;
    let mut derivation = parameters.take(der::SEQUENCE)?;
    if derivation.take_bytes(der::OID)? != PBKDF2 {
        return Err(Pkcs12Problem::Unknown);
    }
    let mut pbkdf2 = derivation.take(der::SEQUENCE)?;
    let salt = pbkdf2.take_bytes(der::OCTETS)?;
    let iterations = iterations(pbkdf2.take_number()?)?;
    if pbkdf2.next_is(der::INTEGER) {
        // The length of the key, which the cipher says too.
        pbkdf2.take_number()?;
    }
    if pbkdf2.is_empty() {
        return Err(Pkcs12Problem::Legacy("a derivation with HMAC-SHA-1"));
    }
    let prf = match pbkdf2.take(der::SEQUENCE)?.take_bytes(der::OID)? {
        HMAC_SHA256 => Prf::HmacSha256,
        HMAC_SHA384 => Prf::HmacSha384,
        HMAC_SHA512 => Prf::HmacSha512,
        HMAC_SHA1 => return Err(Pkcs12Problem::Legacy("a derivation with HMAC-SHA-1")),
        _ => return Err(Pkcs12Problem::Unknown),
    };
    let mut cipher = parameters.take(der::SEQUENCE)?;
    let aes = match cipher.take_bytes(der::OID)? {
        AES128_CBC => Aes::Aes128,
        AES192_CBC => Aes::Aes192,
        AES256_CBC => Aes::Aes256,
        DES3_CBC => return Err(Pkcs12Problem::Legacy("encryption with RC2, RC4 or 3DES")),
        _ => return Err(Pkcs12Problem::Unknown),
    };
    let iv = cipher.take_bytes(der::OCTETS)?.try_into().map_err(|_| Malformed)?;
    Ok(Pbes2 { salt, iterations, prf, aes, iv }.decrypt(password.expose(), ciphertext)?)
}

fn iterations(number: u32) -> Result<u32, Pkcs12Problem> {
    if (1..=MOST_ITERATIONS).contains(&number) { Ok(number) } else { Err(Pkcs12Problem::Malformed) }
}

/// The password as the MAC's derivation takes it: UTF-16, big-endian, with a zero at its end.
fn utf16(password: &SecretBytes) -> Result<SecretBytes, Pkcs12Problem> {
    let text = std::str::from_utf8(password.expose()).map_err(|_| Pkcs12Problem::NotUtf8)?;
    let mut units = SecretBytes::with_capacity(2 * text.len() + 2);
    text.encode_utf16().chain([0]).for_each(|unit| units.extend_from_slice(&unit.to_be_bytes()));
    Ok(units)
}

impl From<Malformed> for Pkcs12Problem {
    fn from(_: Malformed) -> Self {
        Self::Malformed
    }
}

impl From<OpenError> for Pkcs12Problem {
    fn from(_: OpenError) -> Self {
        Self::DoesNotOpen
    }
}

const VERSION: u32 = 3;
const LONGEST_FILE: usize = 64 * 1024;
const LONGEST_PASSWORD: usize = 1024;

// Object identifiers, as DER has them.
const DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01";
const ENCRYPTED_DATA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x07\x06";
const KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x01";
const SHROUDED_KEY_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x02";
const CERTIFICATE_BAG: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x0a\x01\x03";
const X509: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x16\x01";
const PBES2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0d";
const PBKDF2: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x05\x0c";
/// Those of PKCS#12 itself: RC4, RC2 and 3DES, with SHA-1.
const LEGACY: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x0c\x01";
const HMAC_SHA1: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x07";
const HMAC_SHA256: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x09";
const HMAC_SHA384: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0a";
const HMAC_SHA512: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x02\x0b";
const DES3_CBC: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x03\x07";
const AES128_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x02";
const AES192_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x16";
const AES256_CBC: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x01\x2a";
const SHA1: &[u8] = b"\x2b\x0e\x03\x02\x1a";
const SHA256: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02\x01";
