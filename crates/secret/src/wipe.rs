//! Overwriting of secret bytes that the compiler may not leave out.

use zeroize::optimization_barrier;

/// Overwrites `bytes` with zeros, even if nobody reads them again.
pub fn wipe(bytes: &mut [u8]) {
    // One `memset` and a barrier: byte-wise volatile writes cost a millisecond per mebibyte.
    bytes.fill(0);
    optimization_barrier(bytes);
}
