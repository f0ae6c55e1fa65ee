//! Whether a row's numbers and literals are right.

use crate::{
    block::{BLOCK_BYTES, Blocks},
    lex::literal_len,
    row::{ROW_WORDS, Row},
    scan::{Digits, State, rows::classes::Classes},
    window::N_DIGITS,
};

/// What the next row has to know of numbers and literals: of the last byte, but for `checked`.
#[derive(Clone, Copy, Default)]
pub(super) struct Scalars {
    /// It belongs to a number or literal.
    last: bool,
    /// It belongs to one that was looked at by itself.
    was_checked: bool,
    /// The first bytes of the next row, as far as they belong to it too.
    checked: u64,
    digit: bool,
    /// It is a sign or a point: a digit has to follow.
    needs_digit: bool,
    point: bool,
    /// It is a zero that begins a number.
    zero: bool,
    /// It is a digit of a fraction.
    fraction: bool,
}

/// The numbers and literals of a row.
pub(super) struct Found<R> {
    pub(super) starts: R,
    pub(super) errors: R,
}

impl Scalars {
    /// The state after the row, and how many of the next bytes were looked at.
    pub(super) fn state(&self) -> (State, usize) {
        let digits = if self.was_checked || !self.last {
            return (State::AfterValue, self.checked.trailing_ones() as usize);
        } else if self.point {
            Digits::Point
        } else if self.needs_digit {
            Digits::Minus
        } else if self.fraction {
            Digits::Fraction
        } else if self.zero {
            Digits::Zero
        } else {
            Digits::Integer
        };
        (State::Number(digits), 0)
    }

    /// Looks at `scalars`, the bytes of numbers and literals in the row at `position`.
    #[inline(always)]
    pub(super) fn next<B: Blocks>(
        &mut self,
        blocks: B,
        classes: &Classes,
        message: &[u8],
        position: usize,
        scalars: B::Row,
    ) -> Option<Found<B::Row>> {
        let starts = scalars & !scalars.next(&mut self.last);
        let digits = blocks.row(&classes.digits);
        let minus = blocks.row(&classes.minus);
        let points = blocks.row(&classes.points);
        let others = scalars & !(digits | minus | points);
        let checked = self.others(others.words(), starts.words(), message, position)?;
        let checked = blocks.row(&checked);
        let behind_checked = checked.next(&mut self.was_checked) & scalars & !checked;

        let numbers = scalars & !checked;
        let digits = digits & numbers;
        let minus = minus & numbers;
        let points = points & numbers;
        let after_digits = digits.next(&mut self.digit);
        let after_points = points.next(&mut self.point);
        let need_digits = (minus | points).next(&mut self.needs_digit);
        let zeros = blocks.row(&classes.zeros) & numbers & !(after_digits | after_points);
        let after_zeros = zeros.next(&mut self.zero);
        // The sum carries each point's bit to the end of the digits behind it.
        let after_fractions = digits.plus(after_points, &mut self.fraction) & !digits;
        let errors = behind_checked
            | minus & !starts
            | points & (!after_digits | after_fractions)
            | need_digits & !digits
            | after_zeros & digits;
        Some(Found { starts, errors })
    }

    /// Looks at what has other characters by itself, literals and exponents; which bytes that was,
    /// if all is right.
    #[inline(always)]
    fn others(
        &mut self,
        others: [u64; ROW_WORDS],
        starts: [u64; ROW_WORDS],
        message: &[u8],
        position: usize,
    ) -> Option<[u64; ROW_WORDS]> {
        let mut checked = [0; ROW_WORDS];
        for n in 0..ROW_WORDS {
            checked[n] = self.checked;
            self.checked = 0;
            let mut others = others[n] & !checked[n];
            while others != 0 {
                let at = others.trailing_zeros();
                let start = position + n * BLOCK_BYTES + at as usize;
                let len = if starts[n] >> at & 1 == 1 {
                    literal_len(message.get(start..)?)?
                } else {
                    exponent_len(message, start)?
                };
                let bytes = (1_u64 << len) - 1;
                checked[n] |= bytes << at;
                others &= !checked[n];
                self.checked = bytes >> 1 >> (63 - at);
            }
        }
        Some(checked)
    }
}

/// How long an exponent is, from its mark on, if it is right and what is before it is a mantissa of
/// any digits; and if neither is long, and something follows.
#[inline(never)]
fn exponent_len(message: &[u8], mark: usize) -> Option<usize> {
    let (before, exponent) = message.split_at_checked(mark)?;
    let mantissa = before.iter().rev().take(N_DIGITS);
    let mantissa = mantissa
        .take_while(|byte| matches!(byte, b'0'..=b'9' | b'.'))
        .count();
    let is_second = matches!(
        before[..mark - mantissa],
        [.., b'e' | b'E' | b'+'] | [.., b'e' | b'E', b'-']
    );
    let sign = match exponent {
        [b'e' | b'E', b'+' | b'-', ..] => 1,
        [b'e' | b'E', ..] => 0,
        _ => return None,
    };
    let digits = exponent.get(1 + sign..)?.iter();
    let n_digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
    let len = 1 + sign + n_digits;
    let is_right = before.last()?.is_ascii_digit() && !is_second && 0 < n_digits;
    let is_whole = len < exponent.len() && len < N_DIGITS && mantissa < N_DIGITS;
    (is_right && is_whole).then_some(len)
}
