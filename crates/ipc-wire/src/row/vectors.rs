//! Rows in vectors of 512 bits.
//!
//! Debug builds inline none of this: they have a place on the stack for each of thousands of vectors.

use std::ops::{BitAnd, BitOr, BitXor, Not};

use fearless_simd::{Select, Simd, SimdBase, SimdMask, mask64x8, u64x8};

use super::{LANES, Row, Words};

/// Which of so many words get a carry in, if it goes out of some and through others; and whether it
/// goes out of the last.
#[inline(always)]
fn carries(n_words: usize, out: u64, through: u64, carry: bool) -> (u64, bool) {
    // A sum of a bit a word, in which the carry runs as it does between words.
    let sum = (out << 1 | u64::from(carry)) + through;
    let words = sum ^ through;
    (words, words >> n_words & 1 == 1)
}

/// The same for parities: which words have an odd number of ones before them.
#[inline(always)]
fn odd_words(n_words: usize, odd: u64, carry: bool) -> (u64, bool) {
    let mut upto = odd;
    let mut shift = 1;
    while shift < n_words {
        upto ^= upto << shift;
        shift *= 2;
    }
    let before = if carry { !(upto << 1) } else { upto << 1 };
    (before, before >> n_words & 1 == 1)
}

/// A row in vectors.
#[derive(Clone, Copy)]
pub(crate) struct VectorRow<S: Simd, const N: usize>([u64x8<S>; N]);

impl<S: Simd, const N: usize> VectorRow<S, N> {
    /// How many words a row has: not more than a number that has one bit for each can count.
    const N_WORDS: usize = {
        assert!(
            N * LANES < 64,
            "a row of so many vectors has too many words"
        );
        N * LANES
    };

    #[cfg_attr(not(debug_assertions), inline(always))]
    pub(crate) fn new(simd: S, words: &Words<N>) -> Self {
        let mut vectors = [u64x8::splat(simd, 0); N];
        for (vector, words) in vectors.iter_mut().zip(words) {
            *vector = u64x8::from_slice(simd, words);
        }
        Self(vectors)
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn zip(mut self, other: Self, f: impl Fn(u64x8<S>, u64x8<S>) -> u64x8<S>) -> Self {
        for (vector, other) in self.0.iter_mut().zip(other.0) {
            *vector = f(*vector, other);
        }
        self
    }

    /// Does something with the words that have their bit in `words` set, which are all bits or none
    /// of `change`.
    #[cfg_attr(not(debug_assertions), inline(always))]
    fn change(
        mut self,
        words: u64,
        change: u64,
        f: impl Fn(u64x8<S>, u64x8<S>) -> u64x8<S>,
    ) -> Self {
        for (n, vector) in self.0.iter_mut().enumerate() {
            let mask = mask64x8::from_bitmask(vector.simd, words >> (n * LANES) & 0xFF);
            let (none, change) = (
                u64x8::splat(vector.simd, 0),
                u64x8::splat(vector.simd, change),
            );
            *vector = f(*vector, mask.select(change, none));
        }
        self
    }
}

impl<S: Simd, const N: usize> BitAnd for VectorRow<S, N> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn bitand(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a & b,
        )
    }
}

impl<S: Simd, const N: usize> BitOr for VectorRow<S, N> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn bitor(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a | b,
        )
    }
}

impl<S: Simd, const N: usize> BitXor for VectorRow<S, N> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn bitxor(self, other: Self) -> Self {
        self.zip(
            other,
            #[inline(always)]
            |a, b| a ^ b,
        )
    }
}

impl<S: Simd, const N: usize> Not for VectorRow<S, N> {
    type Output = Self;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn not(mut self) -> Self {
        for vector in &mut self.0 {
            *vector = !*vector;
        }
        self
    }
}

impl<S: Simd, const N: usize> Row for VectorRow<S, N> {
    type Words = Words<N>;

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn words(self) -> Words<N> {
        let mut words = [[0; LANES]; N];
        for (words, vector) in words.iter_mut().zip(&self.0) {
            words.copy_from_slice(vector.as_slice());
        }
        words
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn any(self) -> bool {
        let mut all = self.0[0];
        for vector in &self.0[1..] {
            all |= *vector;
        }
        all.simd_eq(0).to_bitmask() != 0xFF
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn next(mut self, carry: &mut bool) -> Self {
        let mut before = u64x8::splat(self.0[0].simd, u64::from(*carry));
        for vector in &mut self.0 {
            let last = *vector >> 63;
            *vector = *vector << 1 | before.slide::<{ LANES - 1 }>(last);
            before = last;
        }
        *carry = before.as_slice()[LANES - 1] == 1;
        self
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn plus(self, other: Self, carry: &mut bool) -> Self {
        let mut sum = self;
        let (mut out, mut through) = (0, 0);
        for (n, (sum, other)) in sum.0.iter_mut().zip(other.0).enumerate() {
            let before = *sum;
            *sum = before + other;
            out |= sum.simd_lt(before).to_bitmask() << (n * LANES);
            through |= sum.simd_eq(u64::MAX).to_bitmask() << (n * LANES);
        }
        let (words, last) = carries(Self::N_WORDS, out, through, *carry);
        *carry = last;
        sum.change(
            words,
            1,
            #[inline(always)]
            |sum, one| sum + one,
        )
    }

    #[cfg_attr(not(debug_assertions), inline(always))]
    fn odd(mut self, carry: &mut bool) -> Self {
        let mut odd = 0;
        for (n, vector) in self.0.iter_mut().enumerate() {
            let mut bits = *vector ^ *vector << 1;
            bits = bits ^ bits << 2;
            bits = bits ^ bits << 4;
            bits = bits ^ bits << 8;
            bits = bits ^ bits << 16;
            bits = bits ^ bits << 32;
            odd |= bits.simd_ge(1 << 63).to_bitmask() << (n * LANES);
            *vector = bits;
        }
        let (words, last) = odd_words(Self::N_WORDS, odd, *carry);
        *carry = last;
        self.change(
            words,
            u64::MAX,
            #[inline(always)]
            |bits, all| bits ^ all,
        )
    }
}
