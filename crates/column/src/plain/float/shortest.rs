//! The shortest decimal text that reads back as the same number, as PostgreSQL chooses it.
//!
//! Rust's own shortest text takes a decimal number that lies exactly between two floating-point numbers if it reads back as
//! the right one. PostgreSQL takes none that lies on such a border (`src/common/d2s.c`, `STRICTLY_SHORTEST`), because another
//! program may round it to the other side.

/// The shortest text of a finite number, as `d.ddde±x`.
pub(super) fn of_double(number: f64) -> String {
    let bits = number.to_bits();
    let binary = Binary::new((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1), 52, 1075);
    shortest(
        format!("{number:e}"),
        |digits| format!("{number:.digits$e}"),
        &binary,
        |text| text.parse::<f64>().is_ok_and(|read| read == number),
    )
}

/// The same of a `real`.
pub(super) fn of_real(number: f32) -> String {
    let bits = number.to_bits();
    let binary = Binary::new((bits >> 23 & 0xff) as i32, u64::from(bits & ((1 << 23) - 1)), 23, 150);
    shortest(
        format!("{number:e}"),
        |digits| format!("{number:.digits$e}"),
        &binary,
        |text| text.parse::<f32>().is_ok_and(|read| read == number),
    )
}

/// Goes from Rust's shortest text to one that lies on no border; one or two more digits are enough.
fn shortest(
    candidate: String,
    rounded: impl Fn(usize) -> String,
    number: &Binary,
    reads_back: impl Fn(&str) -> bool,
) -> String {
    if number.mantissa == 0 {
        return candidate;
    }
    let least = candidate.bytes().filter(u8::is_ascii_digit).count();
    let exponent_digits =
        candidate.split_once('e').map_or(0, |(_, exponent)| exponent.bytes().filter(u8::is_ascii_digit).count());
    for digits in least.saturating_sub(exponent_digits)..=MOST_DIGITS {
        let nearest = rounded(digits.saturating_sub(1));
        let Some(decimal) = Decimal::parse(&nearest) else { return candidate };
        // Below a power of two the next number is nearer than above: there the nearest text can be another number's.
        for decimal in [decimal, Decimal { digits: decimal.digits + 1, ..decimal }] {
            let text = decimal.text();
            if reads_back(&text) && !number.borders_on(&decimal) {
                return text;
            }
        }
    }
    candidate
}

/// A number `mantissa × 2^exponent`; the sign does not matter.
struct Binary {
    mantissa: u64,
    exponent: i32,
    /// The number below is half as far away as the one above.
    lower_is_nearer: bool,
}

impl Binary {
    fn new(biased: i32, fraction: u64, fraction_bits: u32, bias: i32) -> Self {
        if biased == 0 {
            return Self { mantissa: fraction, exponent: 1 - bias, lower_is_nearer: false };
        }
        let lower_is_nearer = fraction == 0 && biased > 1;
        Self { mantissa: 1 << fraction_bits | fraction, exponent: biased - bias, lower_is_nearer }
    }

    /// Whether a decimal number lies exactly between this number and the next one, above or below.
    fn borders_on(&self, decimal: &Decimal) -> bool {
        let above = (2 * u128::from(self.mantissa) + 1, self.exponent - 1);
        let below = if self.lower_is_nearer {
            (4 * u128::from(self.mantissa) - 1, self.exponent - 2)
        } else {
            (2 * u128::from(self.mantissa) - 1, self.exponent - 1)
        };
        [above, below].iter().any(|border| decimal.is(*border))
    }
}

/// A number `digits × 10^exponent`.
#[derive(Clone, Copy)]
struct Decimal {
    negative: bool,
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads `-d.ddde±x`.
    fn parse(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once('e')?;
        let (negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |rest| (true, rest));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = format!("{whole}{fraction}").parse().ok()?;
        let exponent: i32 = exponent.parse().ok()?;
        Some(Self { negative, digits, exponent: exponent - i32::try_from(fraction.len()).ok()? })
    }

    /// Written as it is read.
    fn text(&self) -> String {
        let digits = self.digits.to_string();
        let (first, rest) = digits.split_at(1);
        let exponent = self.exponent + rest.len() as i32;
        let point = if rest.is_empty() { "" } else { "." };
        format!("{}{first}{point}{rest}e{exponent}", if self.negative { "-" } else { "" })
    }

    /// Whether it is exactly `mantissa × 2^exponent`. Both sides are compared without their factors of five and of two.
    fn is(&self, (mantissa, exponent): (u128, i32)) -> bool {
        let fives = 5_u128.checked_pow(self.exponent.unsigned_abs());
        let (left, right) = if self.exponent >= 0 {
            (fives.and_then(|fives| self.digits.checked_mul(fives)), Some(mantissa))
        } else {
            (Some(self.digits), fives.and_then(|fives| mantissa.checked_mul(fives)))
        };
        // What does not fit has more factors of five than any number of so few digits.
        let (Some(left), Some(right)) = (left, right) else { return false };
        let twos = |number: u128| number.trailing_zeros();
        let odd = |number: u128| number >> twos(number);
        odd(left) == odd(right) && twos(left) as i32 + self.exponent == twos(right) as i32 + exponent
    }
}

/// Digits that tell every `double precision` from the next.
const MOST_DIGITS: usize = 17;
