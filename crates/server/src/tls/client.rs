//! The certificate of a client: asked for, never demanded, and recognised by its public key alone (docs/spec/credential.md).

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use strongroom_engine::policy::Certificate;
use strongroom_envelope::{Pin, Timestamp};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

/// What counts of a client's certificate.
///
/// The public key is the one that TLS checked the handshake's signature with: it is taken from the parser that TLS uses, and a
/// certificate in which another parser sees another key is refused, like every one that cannot be read.
pub(crate) fn read(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    let unreadable = || Error::InvalidCertificate(CertificateError::BadEncoding);
    let parsed = ParsedCertificate::try_from(certificate)?;
    let public_key = parsed.subject_public_key_info();
    let (rest, dated) = X509Certificate::from_der(certificate).map_err(|_| unreadable())?;
    if !rest.is_empty() || dated.public_key().raw != public_key.as_ref() {
        return Err(unreadable());
    }
    let moment = |time: ASN1Time| Timestamp(time.timestamp().saturating_mul(1000));
    let validity = dated.validity();
    let (not_before, not_after) = (moment(validity.not_before), moment(validity.not_after));
    Ok(Certificate { pin: Pin::of_public_key(public_key.as_ref()), not_before, not_after })
}

/// Takes every certificate that can be read, whoever signed it, from whoever has its private key. What it is good for is decided
/// where a credential is asked for, by its pin; there its dates are judged, too.
#[derive(Debug)]
pub(super) struct AnyCertificate(pub Arc<CryptoProvider>);

impl ClientCertVerifier for AnyCertificate {
    fn offer_client_auth(&self) -> bool {
        true
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        read(end_entity).map(|_| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use rcgen::{CertificateParams, KeyPair, PublicKeyData};
    use strongroom_crypto::hash::sha256;

    use super::*;

    fn made(key: &KeyPair) -> Vec<u8> {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.not_before = (UNIX_EPOCH + Duration::from_secs(1_700_000_000)).into();
        parameters.not_after = (UNIX_EPOCH + Duration::from_secs(1_800_000_000)).into();
        parameters.self_signed(key).unwrap().der().to_vec()
    }

    #[test]
    fn pin_and_dates_are_read() {
        let key = KeyPair::generate().unwrap();
        let read = read(&made(&key).into()).unwrap();
        assert_eq!(read.pin.0, sha256(&[&key.subject_public_key_info()]));
        assert_eq!((read.not_before.0, read.not_after.0), (1_700_000_000_000, 1_800_000_000_000));
    }

    #[test]
    fn what_is_no_certificate_is_refused() {
        let made = made(&KeyPair::generate().unwrap());
        for length in 0..made.len() {
            assert!(read(&made[..length].into()).is_err(), "{length}");
        }
        assert!(read(&[&made[..], &[0]].concat().into()).is_err());
    }
}
