//! Whether a row's numbers and literals are right.

use crate::{
    block::{BLOCK_BYTES, Blocks},
    row::{LANES, Row, Words},
    scan::{
        Digits, State,
        rows::{
            classes::{Classes, Exponents},
            stretch::Stretch,
        },
    },
};

/// What the next row has to know of numbers and literals: of the last byte.
#[derive(Clone, Copy, Default)]
pub(super) struct Scalars {
    /// It belongs to a number or literal.
    last: bool,
    /// If so, to a literal. All of that was looked at, and that something else follows it.
    literal: bool,
    digit: bool,
    /// It is a sign or a point: a digit has to follow.
    needs_digit: bool,
    point: bool,
    /// It is a zero that begins a number.
    zero: bool,
    /// It is a digit of a fraction.
    fraction: bool,
    /// It is the mark of an exponent.
    mark: bool,
    /// It is a sign or digit of an exponent.
    exponent: bool,
}

/// The numbers and literals of a row.
pub(super) struct Found<R> {
    pub(super) starts: R,
    pub(super) errors: R,
}

impl Scalars {
    /// The state after the row, with which `rest` continues, and how many of its bytes were looked
    /// at.
    pub(super) fn state(&self, rest: &[u8]) -> (State, usize) {
        if !self.last {
            return (State::AfterValue, 0);
        } else if self.literal {
            let letters = rest.iter().take_while(|byte| byte.is_ascii_lowercase());
            return (State::AfterValue, letters.count());
        }
        let digits = if self.point {
            Digits::Point
        } else if self.mark {
            Digits::Mark
        } else if self.needs_digit && self.exponent {
            Digits::Sign
        } else if self.needs_digit {
            Digits::Minus
        } else if self.exponent {
            Digits::Exponent
        } else if self.fraction {
            Digits::Fraction
        } else if self.zero {
            Digits::Zero
        } else {
            Digits::Integer
        };
        (State::Number(digits), 0)
    }

    /// Looks at `scalars`, the bytes of numbers and literals in a row.
    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(super) fn next<B: Blocks, const N: usize>(
        &mut self,
        blocks: B,
        classes: &Classes<N>,
        stretch: Stretch<'_, N>,
        scalars: B::Row<N>,
    ) -> Option<Found<B::Row<N>>> {
        let starts = scalars & !scalars.next(&mut self.last);
        let digits = blocks.row(&classes.digits);
        let minus = blocks.row(&classes.minus);
        let points = blocks.row(&classes.points);
        let others = scalars & !(digits | minus | points);

        let literal_starts = others & starts;
        if !are_literals(stretch, literal_starts.words()) {
            return None;
        }
        // The sum carries bits to the end of a run: here that of a literal's letters, below those
        // of what belongs to a number behind its mark, and of the digits behind a point.
        let numbers = scalars & scalars.plus(literal_starts, &mut self.literal);
        let digits = digits & numbers;
        let minus = minus & numbers;
        let points = points & numbers;
        let others = others & numbers;
        let after_digits = digits.next(&mut self.digit);
        let after_points = points.next(&mut self.point);

        let none = blocks.row(&[[0; LANES]; N]);
        let (mut exponents, mut after_marks) = (none, none);
        let (mut plus, mut errors) = (none, none);
        if self.mark || self.exponent || others.any() {
            let found = Exponents::new(blocks, stretch);
            let marks = blocks.row(&found.marks) & others;
            plus = blocks.row(&found.plus) & others;
            after_marks = marks.next(&mut self.mark);
            exponents = numbers & !numbers.plus(after_marks & numbers, &mut self.exponent);
            errors = others & !(marks | plus)
                | plus & !after_marks
                | marks & (!after_digits | exponents)
                | after_marks & !(digits | minus | plus);
        }

        let after_fractions = digits.plus(after_points, &mut self.fraction) & !digits;
        let need_digits = (minus | plus | points).next(&mut self.needs_digit);
        let zeros = blocks.row(&classes.zeros) & numbers;
        let zeros = zeros & !(after_digits | after_points | exponents);
        let after_zeros = zeros.next(&mut self.zero);
        let errors = errors
            | minus & !(starts | after_marks)
            | points & (!after_digits | after_fractions | exponents)
            | need_digits & !digits
            | after_zeros & digits;
        Some(Found { starts, errors })
    }
}

/// Whether literals, and nothing longer, begin at these places.
#[inline(always)]
fn are_literals<const N: usize>(stretch: Stretch<'_, N>, starts: Words<N>) -> bool {
    for (n, &(mut starts)) in starts.as_flattened().iter().enumerate() {
        while starts != 0 {
            let start = n * BLOCK_BYTES + starts.trailing_zeros() as usize;
            starts &= starts - 1;
            let Some(bytes) = stretch.bytes[start..].first_chunk() else {
                return false;
            };
            if !is_literal(u64::from_le_bytes(*bytes)) {
                return false;
            }
        }
    }
    true
}

/// Whether these bytes, the first one the lowest, begin with a literal and what may follow it.
#[inline(always)]
fn is_literal(bytes: u64) -> bool {
    const TRUE: u64 = u32::from_le_bytes(*b"true") as u64;
    const NULL: u64 = u32::from_le_bytes(*b"null") as u64;
    const FALSE: u64 = u64::from_le_bytes(*b"false\0\0\0");
    let (four, five) = (bytes & 0xFFFF_FFFF, bytes & 0xFF_FFFF_FFFF);
    let is_five = five == FALSE;
    let [next, ..] = (bytes >> if is_five { 40 } else { 32 }).to_le_bytes();
    (is_five | (four == TRUE) | (four == NULL))
        & matches!(next, b',' | b']' | b'}' | b' ' | b'\t' | b'\n' | b'\r')
}
