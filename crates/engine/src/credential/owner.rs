//! To whom a credential belongs: an account of the server's host, client certificates, or both.

use minicbor::decode::{Decode, Decoder, Error as DecodeError};
use minicbor::encode::{Encode, Encoder, Error as EncodeError, Write};
use strongroom_envelope::credential::Binding;
use strongroom_envelope::{Pin, Timestamp};

use super::host::{Account, HostId, Local};
use crate::policy::Certificate;
use crate::rule::Refusal;

/// The most client certificates of a credential.
pub const CERTIFICATES: usize = 16;

/// To whom a credential belongs, or shall belong: to one of both at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// An account of the server's host.
    pub local: Option<Local>,
    /// Whoever has the private key of one of these.
    pub certificates: Pins,
}

impl Owner {
    /// An account of the server's host.
    #[must_use]
    pub const fn local(account: Account, host: HostId) -> Self {
        Self { local: Some(Local { account, host }), certificates: Pins(Vec::new()) }
    }

    /// What binds a value to it.
    pub(super) fn binding(&self) -> Binding<'_> {
        let local = self.local.as_ref().map(Local::binding);
        Binding { local, certificates: self.certificates.as_slice() }
    }

    pub(super) fn check(&self) -> Result<(), Refusal> {
        match &self.local {
            Some(local) => local.account.check(),
            None if self.certificates.0.is_empty() => {
                let reason = "name an account of the server's host, a client certificate, or both".to_owned();
                Err(Refusal::Invalid { field: "account", reason })
            }
            None => Ok(()),
        }
    }
}

/// Pins of client certificates, rising, none twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pins(Vec<Pin>);

impl Pins {
    /// These pins, in whatever order.
    ///
    /// # Errors
    /// When there are more than [`CERTIFICATES`].
    pub fn new(mut pins: Vec<Pin>) -> Result<Self, Refusal> {
        pins.sort_unstable();
        pins.dedup();
        if pins.len() <= CERTIFICATES {
            return Ok(Self(pins));
        }
        let reason = format!("a credential belongs to {CERTIFICATES} client certificates at most");
        Err(Refusal::Invalid { field: "certificates", reason })
    }

    /// The pins, rising.
    #[must_use]
    pub fn as_slice(&self) -> &[Pin] {
        &self.0
    }
}

impl<C> Encode<C> for Pins {
    fn encode<W: Write>(&self, encoder: &mut Encoder<W>, context: &mut C) -> Result<(), EncodeError<W::Error>> {
        self.0.encode(encoder, context)
    }
}

/// Of a record: at least one, as it was written.
impl<'b, C> Decode<'b, C> for Pins {
    fn decode(decoder: &mut Decoder<'b>, context: &mut C) -> Result<Self, DecodeError> {
        let counted = decoder.probe().array()?.is_some_and(|count| (1..=CERTIFICATES as u64).contains(&count));
        if !counted {
            return Err(DecodeError::message("not 1 to 16 pins"));
        }
        let pins: Vec<Pin> = Vec::decode(decoder, context)?;
        if pins.is_sorted_by(|one, next| one < next) {
            Ok(Self(pins))
        } else {
            Err(DecodeError::message("pins that do not rise"))
        }
    }
}

/// Refuses a certificate on the days before and after its own (RFC 5280, section 4.1.2.5: both its ends belong to them).
pub(super) fn refuse_outside_its_time(certificate: &Certificate, now: Timestamp) -> Result<(), Refusal> {
    // Certificates know seconds only: the last one is over with its last millisecond.
    let last = certificate.not_after.0.saturating_add(999);
    if now < certificate.not_before {
        Err(Refusal::CertificateNotValid { wrong: format!("is not valid before {}", certificate.not_before.rfc3339()) })
    } else if now.0 > last {
        Err(Refusal::CertificateNotValid { wrong: format!("expired at {}", certificate.not_after.rfc3339()) })
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_first_and_the_last_second_of_a_certificate_belong_to_it() {
        let certificate =
            Certificate { pin: Pin([1; 32]), not_before: Timestamp(10_000), not_after: Timestamp(20_000) };
        let judged = |now| refuse_outside_its_time(&certificate, Timestamp(now));
        for now in [10_000, 15_000, 20_000, 20_999] {
            assert_eq!(judged(now), Ok(()), "{now}");
        }
        let refused = judged(9_999).unwrap_err().to_string();
        assert_eq!(refused, "the client certificate is not valid before 1970-01-01T00:00:10.000Z");
        let refused = judged(21_000).unwrap_err().to_string();
        assert_eq!(refused, "the client certificate expired at 1970-01-01T00:00:20.000Z");
    }

    #[test]
    fn pins_are_in_one_order_and_not_too_many() {
        let pin = |number| Pin([number; 32]);
        let pins = Pins::new(vec![pin(3), pin(1), pin(3), pin(2)]).unwrap();
        assert_eq!(pins.as_slice(), [pin(1), pin(2), pin(3)]);
        assert_eq!(Pins::new((0..16).map(pin).collect()).unwrap().as_slice().len(), 16);
        assert!(matches!(Pins::new((0..17).map(pin).collect()), Err(Refusal::Invalid { field: "certificates", .. })));
    }

    #[test]
    fn records_hold_pins_in_that_order_only() {
        let decode = |pins: &[Pin]| minicbor::decode::<Pins>(&minicbor::to_vec(pins).unwrap()).is_ok();
        let pin = |number| Pin([number; 32]);
        assert!(decode(&[pin(1)]) && decode(&[pin(1), pin(2)]));
        let many: Vec<Pin> = (0..17).map(pin).collect();
        assert!(decode(&many[..16]));
        for pins in [&[][..], &[pin(2), pin(1)], &[pin(1), pin(1)], &many] {
            assert!(!decode(pins), "{pins:?}");
        }
    }
}
