//! Whole numbers as they stand in messages: as digits, or in the forms of languages that have one
//! type for all numbers (`1000.0`, `1e3`).

use serde::{Deserialize, Deserializer, de::Error};
use serde_json::value::RawValue;

/// A whole number from 0 to 2^64 - 1, read from JSON however it is written: `1000`, `1000.0`,
/// `1e3`.
///
/// It is read digit for digit, so it loses nothing beyond 2^53.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Whole(pub u64);

impl Whole {
    /// Takes the JSON text of a number; `None` when it is no whole number from 0 to 2^64 - 1.
    /// `json` must be one valid JSON value.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Self> {
        parse_u64(json).or_else(|| parse_whole(json)).map(Self)
    }
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let json = Box::<RawValue>::deserialize(deserializer)?;
        let is_other = || D::Error::custom(format_args!("expected {WHOLE_NUMBER}"));
        Self::from_json(json.get().as_bytes()).ok_or_else(is_other)
    }
}

/// What an error says that a number has to be.
pub const WHOLE_NUMBER: &str = "a whole number from 0 to 18446744073709551615";

/// The number that a JSON integer is, if it fits.
pub(crate) fn parse_u64(json: &[u8]) -> Option<u64> {
    // Nineteen digits always fit, the twentieth may not.
    match json {
        [] => None,
        [digits @ .., last] if digits.len() == 19 => {
            let number = parse_digits(digits)?;
            number.checked_mul(10)?.checked_add(parse_digit(*last)?)
        }
        digits if digits.len() <= 19 => parse_digits(digits),
        _ => None,
    }
}

/// The number that at most nineteen digits are.
#[inline]
fn parse_digits(mut digits: &[u8]) -> Option<u64> {
    let mut number = 0;
    while let Some((eight, rest)) = digits.split_first_chunk() {
        number = number * 100_000_000 + parse_eight_digits(*eight)?;
        digits = rest;
    }
    digits.iter().try_fold(number, |number, &digit| {
        Some(number * 10 + parse_digit(digit)?)
    })
}

/// The number that eight digits are, all looked at together: in three steps, digits become numbers
/// of two digits, these of four, and these of eight.
#[inline]
fn parse_eight_digits(digits: [u8; 8]) -> Option<u64> {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const BEYOND_NINE: u64 = u64::from_le_bytes([0x80 - 10; 8]);
    const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);
    let digits = u64::from_le_bytes(digits) ^ ZEROS;
    // A byte of at most nine stays below 0x80 and carries nothing into the next.
    if (digits | digits.wrapping_add(BEYOND_NINE)) & HIGH_BITS != 0 {
        return None;
    }
    let step = |parts: u64, factor: u64, bits: u32, mask: u64| {
        (parts.wrapping_mul(factor << bits | 1) >> bits) & mask
    };
    let pairs = step(digits, 10, 8, 0x00ff_00ff_00ff_00ff);
    let fours = step(pairs, 100, 16, 0x0000_ffff_0000_ffff);
    Some(step(fours, 10_000, 32, 0x0000_0000_ffff_ffff))
}

#[inline]
fn parse_digit(digit: u8) -> Option<u64> {
    let value = digit.wrapping_sub(b'0');
    (value <= 9).then_some(u64::from(value))
}

/// The whole number from 0 to 2^64 - 1 that a JSON value is, whatever its form. The way for numbers
/// that are not digits alone.
///
/// It takes one pass, however many digits there are, and calculates with twenty of them at most,
/// so a huge exponent costs nothing.
#[cold]
pub(crate) fn parse_whole(json: &[u8]) -> Option<u64> {
    let (is_negative, number) = match json {
        [b'-', number @ ..] => (true, number),
        number => (false, number),
    };
    if !number.first()?.is_ascii_digit() {
        return None;
    }
    let mark = number.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match mark {
        Some(mark) => (&number[..mark], parse_exponent(&number[mark + 1..])),
        None => (number, 0),
    };
    let point = mantissa.iter().position(|&byte| byte == b'.');
    let n_decimals = point.map_or(0, |point| mantissa.len() - point - 1);
    // Neither zeros before the first digit nor behind the last one change the number.
    let is_other = |byte: &u8| !matches!(byte, b'0' | b'.');
    let Some(first) = mantissa.iter().position(is_other) else {
        return Some(0);
    };
    let last = mantissa.iter().rposition(is_other)?;
    let n_behind = mantissa[last + 1..]
        .iter()
        .filter(|&&byte| byte != b'.')
        .count();
    let zeros = exponent
        .saturating_add(i64::try_from(n_behind).ok()?)
        .saturating_sub(i64::try_from(n_decimals).ok()?);
    let n_zeros = u32::try_from(zeros).ok()?;
    if is_negative || MAX_DIGITS + 1 < last - first + 1 {
        return None;
    }
    let digits = mantissa[first..=last].iter().filter(|&&byte| byte != b'.');
    let number = digits.copied().try_fold(0_u64, |number, digit| {
        number.checked_mul(10)?.checked_add(parse_digit(digit)?)
    })?;
    number.checked_mul(10_u64.checked_pow(n_zeros)?)
}

/// The most digits of a number of 64 bits.
const MAX_DIGITS: usize = 20;

/// The exponent behind its mark. One beyond any number of digits is as good as any other.
fn parse_exponent(json: &[u8]) -> i64 {
    let (is_negative, digits) = match json {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    let size = digits.iter().fold(0_i64, |size, &digit| {
        let digit = i64::from(digit.wrapping_sub(b'0'));
        size.saturating_mul(10).saturating_add(digit)
    });
    if is_negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(json: &str) -> Option<u64> {
        Whole::from_json(json.as_bytes()).map(|whole| whole.0)
    }

    #[test]
    fn a_whole_number_is_whole_however_it_is_written() {
        for (json, number) in [
            ("0", 0),
            ("-0", 0),
            ("-0.0", 0),
            ("0e999999999999999999999", 0),
            ("-0.000E-99999999999999999999", 0),
            ("1000.0", 1000),
            ("1e3", 1000),
            ("1.0E+3", 1000),
            ("1.250e2", 125),
            ("100000e-5", 1),
            ("0.001e3", 1),
            ("10e00000000000000000000000000001", 100),
            ("7.0368744177663E13", 70_368_744_177_663),
            ("18446744073709551615.000", u64::MAX),
            ("1844674407370955161.5e1", u64::MAX),
            (
                "0.00000000000000000000000000000000018446744073709551615e53",
                u64::MAX,
            ),
        ] {
            assert_eq!(whole(json), Some(number), "{json}");
        }
    }

    #[test]
    fn what_is_negative_broken_too_large_or_no_number_is_not_whole() {
        for json in [
            "-1",
            "-1.0",
            "0.5",
            "1.5",
            "1e-1",
            "125e-1",
            "1e-99999999999999999999",
            "1e20",
            "1e99999999999999999999",
            "18446744073709551616",
            "18446744073709551616.0",
            "1844674407370955161.6e1",
            "99999999999999999999999.0",
            "\"1\"",
            "\"1e3\"",
            "null",
            "true",
            "[]",
            "{}",
            "[1]",
        ] {
            assert_eq!(whole(json), None, "{json}");
        }
    }

    #[test]
    fn a_million_digits_are_read_in_one_pass() {
        let n = 1_000_000;
        let (zeros, nines) = ("0".repeat(n), "9".repeat(n));
        assert_eq!(whole(&format!("1.{zeros}")), Some(1));
        assert_eq!(whole(&format!("1{zeros}e-{n}")), Some(1));
        assert_eq!(whole(&format!("0.{zeros}12e{}", n + 2)), Some(12));
        for json in [
            &nines,
            &format!("1.{nines}"),
            &format!("1e{nines}"),
            &format!("1e-{nines}"),
        ] {
            assert_eq!(whole(json), None);
        }
    }

    proptest! {
        #[test]
        fn any_number_is_found_in_any_form(number: u64, n_up in 0..30_usize, n_down in 0..30_usize) {
            let digits = number.to_string();
            let up = format!("{digits}{}e-{n_up}", "0".repeat(n_up));
            // The same with a point somewhere within it.
            let padded = format!("{}{digits}", "0".repeat(n_down));
            let (integer, fraction) = padded.split_at(padded.len() - n_down.min(padded.len() - 1));
            let integer = match integer.trim_start_matches('0') {
                "" => "0",
                integer => integer,
            };
            let down = match fraction {
                "" => format!("{integer}.0"),
                fraction => format!("{integer}.{fraction}E+{}", fraction.len()),
            };
            for json in [&digits, &up, &down] {
                prop_assert!(serde_json::from_str::<f64>(json).is_ok(), "{}", json);
                prop_assert_eq!(whole(json), Some(number), "{}", json);
                prop_assert_eq!(serde_json::from_str(json).ok(), Some(Whole(number)));
            }
        }

        #[test]
        fn any_real_number_is_whole_where_its_value_is(
            real in prop_oneof![prop::num::f64::NORMAL, -1e6..1e6_f64, (0..1u64 << 53).prop_map(|n| n as f64)],
        ) {
            let is_whole = 0.0 <= real && real.fract() == 0.0 && real < 2_f64.powi(64);
            for json in [format!("{real:?}"), format!("{real:e}"), serde_json::to_string(&real).unwrap()] {
                let found = whole(&json);
                prop_assert_eq!(found.is_some(), is_whole, "{}", json);
                if real < 2_f64.powi(53) {
                    prop_assert_eq!(found.map(|n| n as f64), is_whole.then_some(real));
                }
            }
        }
    }

    #[test]
    fn a_byte_that_is_no_digit_is_found_anywhere_in_a_number() {
        for len in 1..=20 {
            for place in 0..len {
                for byte in (0..=u8::MAX).filter(|byte| !byte.is_ascii_digit()) {
                    let mut digits = vec![b'1'; len];
                    digits[place] = byte;
                    assert_eq!(parse_u64(&digits), None, "{digits:?}");
                }
            }
        }
    }
}
