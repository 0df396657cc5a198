//! Shamir's secret sharing over GF(2^8), byte by byte, without tables and without branches on secrets.
//!
//! The field is that of AES: x^8 + x^4 + x^3 + x + 1. See `docs/spec/protector.md`, "Shares".

use strongroom_secret::{KEY_BYTES, ProtectorSecret, constant_time_eq};
use thiserror::Error;
use zeroize::Zeroizing;

/// One share: where the polynomials were evaluated, and their values there.
pub struct Point {
    /// 1 to 255.
    pub at: u8,
    /// One value for each byte of the secret.
    pub values: ProtectorSecret,
}

/// Shares do not fit each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CombineError {
    /// Two have the same number, or one has the number 0.
    #[error("the numbers of the shares are not all different")]
    Numbers,
    /// There are fewer than it takes.
    #[error("{found} shares are not enough: it takes {threshold}")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many it takes.
        threshold: usize,
    },
    /// There are more than it takes, and one does not lie on the polynomial of the others.
    #[error("the shares do not all belong to one secret")]
    Inconsistent,
}

/// Shares the secret among the numbers 1 to `count` so that any `threshold` of them give it.
///
/// # Panics
/// Unless 2 ≤ `threshold` ≤ `count`.
pub fn split(secret: &ProtectorSecret, threshold: u8, count: u8, fill: &mut dyn FnMut(&mut [u8])) -> Vec<Point> {
    assert!(2 <= threshold && threshold <= count, "2 <= threshold <= count");
    // The coefficients of x, x^2, …: uniform, zero included (a bias against zero leaks).
    let coefficients: Vec<ProtectorSecret> =
        (1..threshold).map(|_| ProtectorSecret::fill_with(|coefficients| fill(coefficients))).collect();
    (1..=count).map(|at| Point { at, values: evaluate(secret, &coefficients, at) }).collect()
}

/// The secret of shares that all belong together; all beyond `threshold` are checked against the others.
///
/// # Errors
/// [`CombineError`]. Too few shares, or wrong ones in their number, are not noticed here.
pub fn combine(points: &[Point], threshold: usize) -> Result<ProtectorSecret, CombineError> {
    let numbers_differ = (0..points.len()).all(|one| points[..one].iter().all(|other| other.at != points[one].at));
    if !numbers_differ || points.iter().any(|point| point.at == 0) {
        return Err(CombineError::Numbers);
    }
    if threshold == 0 || points.len() < threshold {
        return Err(CombineError::TooFew { found: points.len(), threshold });
    }
    let (enough, further) = points.split_at(threshold);
    let fits = |point: &Point| constant_time_eq(interpolate(enough, point.at).expose(), point.values.expose());
    if !further.iter().all(fits) {
        return Err(CombineError::Inconsistent);
    }
    Ok(interpolate(enough, 0))
}

/// Horner's rule, all bytes side by side.
fn evaluate(secret: &ProtectorSecret, coefficients: &[ProtectorSecret], at: u8) -> ProtectorSecret {
    ProtectorSecret::fill_with(|values| {
        for coefficient in coefficients.iter().rev().chain([secret]) {
            for (value, byte) in values.iter_mut().zip(coefficient.expose()) {
                *value = multiply(*value, at) ^ byte;
            }
        }
    })
}

/// Lagrange: the value at `at` of the polynomial of least degree through the points. Numbers are public, values are not.
fn interpolate(points: &[Point], at: u8) -> ProtectorSecret {
    let weights = Zeroizing::new(points.iter().map(|point| weight(points, point.at, at)).collect::<Vec<u8>>());
    ProtectorSecret::fill_with(|sum: &mut [u8; KEY_BYTES]| {
        for (point, weight) in points.iter().zip(weights.iter()) {
            for (byte, value) in sum.iter_mut().zip(point.values.expose()) {
                *byte ^= multiply(*value, *weight);
            }
        }
    })
}

/// The product of (at - other) / (own - other) over all other numbers; minus is plus here.
fn weight(points: &[Point], own: u8, at: u8) -> u8 {
    points
        .iter()
        .filter(|other| other.at != own)
        .fold(1, |product, other| multiply(product, multiply(at ^ other.at, inverse(own ^ other.at))))
}

/// The product in the field: eight rounds whatever the factors are.
const fn multiply(left: u8, right: u8) -> u8 {
    let (mut left, mut right, mut product) = (left, right, 0);
    let mut round = 0;
    while round < 8 {
        product ^= left & (right & 1).wrapping_neg();
        left = (left << 1) ^ (REDUCTION & (left >> 7).wrapping_neg());
        right >>= 1;
        round += 1;
    }
    product
}

/// The 254th power, which is the inverse of all but 0.
const fn inverse(of: u8) -> u8 {
    let mut power = of;
    let mut round = 0;
    while round < 6 {
        power = multiply(multiply(power, power), of);
        round += 1;
    }
    multiply(power, power)
}

/// x^8 = x^4 + x^3 + x + 1.
const REDUCTION: u8 = 0x1b;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// FIPS 197, section 4.2, and the inverse in its section 5.1.1 by way of the S-box of 0x53.
    #[test]
    fn products_of_the_standard() {
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
        assert_eq!([0x02, 0x04, 0x08, 0x10].map(|factor| multiply(0x57, factor)), [0xae, 0x47, 0x8e, 0x07]);
        assert_eq!(inverse(0x53), 0xca);
        assert_eq!(inverse(0), 0);
        for of in 1..=255 {
            assert_eq!(multiply(of, inverse(of)), 1, "{of}");
        }
    }

    fn secret() -> ProtectorSecret {
        ProtectorSecret::fill_with(|key| crate::random::fill(key))
    }

    fn copies(points: &[Point], which: impl Fn(u8) -> bool) -> Vec<Point> {
        let chosen = points.iter().filter(|point| which(point.at));
        chosen.map(|point| Point { at: point.at, values: copy(&point.values) }).collect()
    }

    fn copy(values: &ProtectorSecret) -> ProtectorSecret {
        ProtectorSecret::from_slice(values.expose()).unwrap()
    }

    #[test]
    fn every_subset_of_three_of_five_and_none_of_two() {
        let secret = secret();
        let points = split(&secret, 3, 5, &mut crate::random::fill);
        for mask in 0_u8..32 {
            let chosen = copies(&points, |at| mask >> (at - 1) & 1 == 1);
            let combined = combine(&chosen, 3);
            if mask.count_ones() >= 3 {
                assert!(combined.unwrap().same_as(&secret), "{mask:05b}");
            } else {
                let found = mask.count_ones() as usize;
                assert_eq!(combined.unwrap_err(), CombineError::TooFew { found, threshold: 3 });
                // Taken for a whole set of its own, it gives something else.
                if found == 2 {
                    assert!(!combine(&chosen, 2).unwrap().same_as(&secret), "{mask:05b}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_belong_together_is_noticed() {
        let points = split(&secret(), 3, 5, &mut crate::random::fill);
        let mut wrong = copies(&points, |_| true);
        wrong[4].values = ProtectorSecret::fill_with(|values| {
            values.copy_from_slice(points[4].values.expose());
            values[31] ^= 1;
        });
        assert_eq!(combine(&wrong, 3).unwrap_err(), CombineError::Inconsistent);
        let mut twice = copies(&points, |at| at < 4);
        twice[2].at = 1;
        assert_eq!(combine(&twice, 3).unwrap_err(), CombineError::Numbers);
        twice[2].at = 0;
        assert_eq!(combine(&twice, 3).unwrap_err(), CombineError::Numbers);
    }

    /// RUSTSEC-2024-0398: a generator that avoids zero gives the secret away. With coefficients that
    /// are uniform, each share's bytes are, and the highest coefficient is 0 in 1 of 256 bytes.
    #[test]
    fn shares_are_uniform_and_zero_coefficients_occur() {
        const ROUNDS: usize = 2_000;
        let secret = ProtectorSecret::fill_with(|_| {});
        let mut counts = [0_u32; 256];
        let mut zero_coefficients = 0;
        for _ in 0..ROUNDS {
            let points = split(&secret, 2, 2, &mut crate::random::fill);
            for value in points[1].values.expose() {
                counts[usize::from(*value)] += 1;
                // The secret is 0, so the value at 2 is 2 · coefficient.
                zero_coefficients += u32::from(*value == 0);
            }
        }
        let expected = (ROUNDS * KEY_BYTES) as f64 / 256.0;
        let chi_square: f64 = counts.iter().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum();
        // 255 degrees of freedom: exceeded by one run in a million (mean 255, deviation 22.6).
        assert!(chi_square < 377.0, "{chi_square}");
        assert!(chi_square > 160.0, "{chi_square}: too even to be random");
        assert!(zero_coefficients > 0);
    }
}
