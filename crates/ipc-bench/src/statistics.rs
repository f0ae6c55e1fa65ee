//! Medians, percentiles and spreads: what a series of rounds comes to.

/// The middle of some numbers and how far they are spread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Summary {
    /// Half of the numbers are at most this.
    pub median: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
}

impl Summary {
    /// Sums up; nothing for no numbers.
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let mut sorted = numbers.to_vec();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max })
    }
}

/// The value that `per_mille` of a thousand values do not exceed, by the nearest rank; 0 for no
/// values. Sorts them.
pub fn percentile(values: &mut [u32], per_mille: usize) -> u32 {
    values.sort_unstable();
    let rank = (values.len() * per_mille).div_ceil(1000);
    values
        .get(rank.saturating_sub(1))
        .copied()
        .unwrap_or_default()
}

/// How `ours` relates to `theirs`, round by round, summed up: rounds of one number ran side by
/// side, so what disturbed one disturbed the other.
#[must_use]
pub fn ratio(ours: &[f64], theirs: &[f64]) -> Option<Summary> {
    let ratios: Vec<_> = ours
        .iter()
        .zip(theirs)
        .filter(|(_, theirs)| **theirs != 0.0)
        .map(|(ours, theirs)| ours / theirs)
        .collect();
    Summary::of(&ratios)
}

/// By how much `ours` exceeds `theirs`, round by round, summed up.
#[must_use]
pub fn difference(ours: &[f64], theirs: &[f64]) -> Option<Summary> {
    let differences = ours.iter().zip(theirs).map(|(ours, theirs)| ours - theirs);
    Summary::of(&differences.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_an_odd_and_an_even_count() {
        assert_eq!(Summary::of(&[3.0, 1.0, 2.0]).unwrap().median, 2.0);
        assert_eq!(Summary::of(&[4.0, 1.0, 2.0, 3.0]).unwrap().median, 2.5);
    }

    #[test]
    fn the_spread_is_from_the_smallest_to_the_largest() {
        let summary = Summary::of(&[3.0, 1.0, 2.0]).unwrap();

        assert_eq!((summary.min, summary.max), (1.0, 3.0));
    }

    #[test]
    fn nothing_has_no_summary() {
        assert_eq!(Summary::of(&[]), None);
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut values: Vec<u32> = (1..=1000).rev().collect();

        assert_eq!(percentile(&mut values, 500), 500);
        assert_eq!(percentile(&mut values, 990), 990);
        assert_eq!(percentile(&mut [7], 990), 7);
        assert_eq!(percentile(&mut [], 990), 0);
    }

    #[test]
    fn a_ratio_compares_rounds_of_the_same_number() {
        let ratio = ratio(&[2.0, 20.0, 6.0], &[1.0, 10.0, 2.0]).unwrap();

        assert_eq!((ratio.median, ratio.min, ratio.max), (2.0, 2.0, 3.0));
    }

    #[test]
    fn a_round_without_a_measure_has_no_ratio() {
        assert_eq!(ratio(&[2.0], &[0.0]), None);
    }
}
