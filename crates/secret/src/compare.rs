//! Comparison of secret bytes in time that does not depend on their content.

use subtle::ConstantTimeEq;

/// Whether `left` and `right` are the same bytes. The time depends on the lengths only.
#[must_use]
pub fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.ct_eq(right).into()
}
