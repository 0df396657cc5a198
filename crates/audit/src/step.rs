//! The stepping MAC: a key that is replaced after every line, so that who takes it cannot alter earlier lines.

use strongroom_crypto::{derive, hash, labels, mac};
use strongroom_secret::{MacKey, constant_time_eq};

/// Bytes of a line's MAC.
pub(crate) const MAC: usize = 16;

/// The MAC key for the next line.
pub(crate) struct Stepper {
    key: MacKey,
}

impl Stepper {
    /// The key right after checkpoint `number`.
    pub(crate) fn after_checkpoint(audit_key: &MacKey, number: u64) -> Stepper {
        let key = MacKey::fill_with(|slot| {
            let secret: &[&[u8]] = &[audit_key.expose()];
            derive::into(&[], secret, labels::AUDIT_STEP, &number.to_be_bytes(), slot);
        });
        Stepper { key }
    }

    /// The MAC of a line, given without its own `mac` field; the key steps.
    pub(crate) fn mac(&mut self, line: &[&[u8]]) -> [u8; MAC] {
        let whole = mac::hmac_sha256(self.key.expose(), line);
        self.step();
        let mut mac = [0; MAC];
        mac.copy_from_slice(&whole[..MAC]);
        mac
    }

    /// Whether this is the line's MAC; the key steps.
    pub(crate) fn verify(&mut self, line: &[&[u8]], mac: &[u8; MAC]) -> bool {
        constant_time_eq(&self.mac(line), mac)
    }

    /// Passes over a line that carries a MAC.
    pub(crate) fn step(&mut self) {
        self.key = MacKey::fill_with(|slot| {
            let next = hash::sha256(&[labels::AUDIT_STEP_NEXT.as_bytes(), self.key.expose()]);
            slot.copy_from_slice(&next);
        });
    }
}
