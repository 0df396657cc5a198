//! How a server is recognised over TLS: by certificates one trusts, or by the digest of its public key.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme,
};
use strongroom_crypto::hash::sha256;
use strongroom_secret::constant_time_eq;

use crate::error::ClientError;

/// How the server is recognised.
#[derive(Debug, Clone)]
pub enum Trust {
    /// By certificates in PEM: the server's own, or those of an authority. The host's name or address must stand in it.
    Ca(Vec<u8>),
    /// By its public key, whatever name and dates its certificate has.
    Pin(Pin),
}

/// SHA-256 of a server's public key (the SubjectPublicKeyInfo of its certificate).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pin(pub [u8; 32]);

/// The text is not a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a pin is `sha256:` and 64 hexadecimal digits; `strongroom status` on the server prints it")]
pub struct PinRefusal;

impl Pin {
    /// Reads `sha256:<64 hexadecimal digits>`.
    ///
    /// # Errors
    /// [`PinRefusal`] for any other text.
    pub fn parse(text: &str) -> Result<Self, PinRefusal> {
        let digits = text.trim().strip_prefix("sha256:").ok_or(PinRefusal)?.as_bytes();
        let mut pin = [0; 32];
        if digits.len() != 64 {
            return Err(PinRefusal);
        }
        for (byte, pair) in pin.iter_mut().zip(digits.chunks_exact(2)) {
            let [high, low] = pair else { return Err(PinRefusal) };
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(pin))
    }

    /// The pin of a certificate.
    ///
    /// # Errors
    /// When it cannot be parsed.
    pub fn of(certificate: &CertificateDer<'_>) -> Result<Self, Error> {
        let parsed = ParsedCertificate::try_from(certificate)?;
        Ok(Self(sha256(&[parsed.subject_public_key_info().as_ref()])))
    }
}

fn digit(character: u8) -> Result<u8, PinRefusal> {
    match character {
        b'0'..=b'9' => Ok(character - b'0'),
        b'a'..=b'f' => Ok(character - b'a' + 10),
        b'A'..=b'F' => Ok(character - b'A' + 10),
        _ => Err(PinRefusal),
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}

/// The TLS settings for a server that is recognised like this.
pub(crate) fn tls_settings(trust: &Trust) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Ca(pem) => authority_verifier(pem, &provider)?,
        Trust::Pin(pin) => Arc::new(PinVerifier { pin: *pin, provider: Arc::clone(&provider) }),
    };
    let mut settings = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| ClientError::Trust { what: "set up TLS", source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    settings.alpn_protocols = vec![b"h2".to_vec()];
    Ok(settings)
}

fn authority_verifier(pem: &[u8], provider: &Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, ClientError> {
    let refused = |source| ClientError::Trust { what: "read the trusted certificates", source };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| refused(Error::InvalidCertificate(CertificateError::BadEncoding)))?;
        roots.add(certificate).map_err(refused)?;
    }
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
        .build()
        .map_err(|error| refused(Error::General(error.to_string())))
}

/// Accepts exactly one public key. The handshake still proves that the server holds the private one.
#[derive(Debug)]
struct PinVerifier {
    pin: Pin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if constant_time_eq(&Pin::of(end_entity)?.0, &self.pin.0) {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether a handshake ended because the server is not the expected one, and not because it could not be reached.
pub(crate) fn is_distrust(error: &Error) -> bool {
    match error {
        Error::InvalidCertificate(_) | Error::NoCertificatesPresented => true,
        Error::PeerIncompatible(incompatible) => {
            matches!(incompatible, PeerIncompatible::NoCertificateRequestSignatureSchemesInCommon)
        }
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pins_read_and_print() {
        let text = "sha256:000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1eff";
        let pin = Pin::parse(text).unwrap();
        assert_eq!((pin.0[0], pin.0[10], pin.0[31]), (0, 10, 255));
        assert_eq!(pin.to_string(), text);
        assert_eq!(Pin::parse(&format!(" {}\n", text.to_uppercase().replace("SHA256", "sha256"))), Ok(pin));
    }

    #[test]
    fn other_texts_are_no_pins() {
        let digits = "00".repeat(32);
        for text in [
            digits.clone(),
            format!("sha512:{digits}"),
            format!("sha256:{digits}00"),
            format!("sha256:{}", &digits[2..]),
            format!("sha256:{}zz", &digits[2..]),
            format!("sha256:{}é", &digits[2..]),
            String::new(),
        ] {
            assert_eq!(Pin::parse(&text), Err(PinRefusal), "{text}");
        }
    }
}
