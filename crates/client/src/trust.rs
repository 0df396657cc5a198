//! How a server is recognised over TLS: by certificates one trusts, or by the digest of its public key.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, PeerIncompatible, RootCertStore, SignatureScheme,
};
use strongroom_envelope::Pin;
use strongroom_secret::constant_time_eq;

use crate::client_certificate::ClientCertificate;
use crate::error::ClientError;

/// How the server is recognised.
#[derive(Debug, Clone)]
pub enum Trust {
    /// By certificates in PEM: the server's own, or those of an authority. The host's name or address must stand in it.
    Ca(Vec<u8>),
    /// By its public key, whatever name and dates its certificate has.
    Pin(Pin),
}

/// The pin of a certificate.
///
/// # Errors
/// When it cannot be parsed.
pub fn pin_of(certificate: &CertificateDer<'_>) -> Result<Pin, Error> {
    let parsed = ParsedCertificate::try_from(certificate)?;
    Ok(Pin::of_public_key(parsed.subject_public_key_info().as_ref()))
}

/// The TLS settings for a server that is recognised like this, and is shown this certificate when it asks for one.
pub(crate) fn tls_settings(trust: &Trust, shown: Option<&ClientCertificate>) -> Result<ClientConfig, ClientError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier: Arc<dyn ServerCertVerifier> = match trust {
        Trust::Ca(pem) => authority_verifier(pem, &provider)?,
        Trust::Pin(pin) => Arc::new(PinVerifier { pin: *pin, provider: Arc::clone(&provider) }),
    };
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|source| ClientError::Trust { what: "set up TLS", source })?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut settings = match shown {
        Some(certificate) => {
            builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certificate.certified())))
        }
        None => builder.with_no_client_auth(),
    };
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
        if constant_time_eq(&pin_of(end_entity)?.0, &self.pin.0) {
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
