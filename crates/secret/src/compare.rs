//! Comparison of secret bytes in time that does not depend on their content.

use subtle::{Choice, ConstantTimeEq};

/// Whether `left` and `right` are the same bytes. The time depends on the lengths only.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // Words first: `subtle` has one barrier per comparison, and eight bytes cost what one does.
    let (left_words, left_rest) = left.as_chunks::<8>();
    let (right_words, right_rest) = right.as_chunks::<8>();
    let mut same: Choice = left_rest.ct_eq(right_rest);
    for (left, right) in left_words.iter().zip(right_words) {
        same &= u64::from_ne_bytes(*left).ct_eq(&u64::from_ne_bytes(*right));
    }
    same.into()
}

#[cfg(test)]
mod tests {
    use super::constant_time_eq;

    #[test]
    fn every_byte_of_every_length_counts() {
        for length in 0..70 {
            let left = vec![0x5a; length];
            assert!(constant_time_eq(&left, &left.clone()));
            assert!(!constant_time_eq(&left, &vec![0x5a; length + 1]));
            for position in 0..length {
                let mut right = left.clone();
                right[position] ^= 0x80;
                assert!(!constant_time_eq(&left, &right), "byte {position} of {length}");
            }
        }
    }
}
