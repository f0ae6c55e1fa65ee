//! What happens when time passes: a queue of deadlines that are mostly cancelled.

use std::{cmp::Reverse, collections::BinaryHeap, time::Instant};

/// Entries that may lie dead in the heap before it is worth cleaning.
const MIN_DEAD: usize = 256;

/// A heap of deadlines, from which nothing is removed when its reason goes away: an entry is asked
/// whether it is still alive when it comes up, and the heap is cleaned when most of it is dead.
/// So a call that is answered in time costs one push, and memory stays within twice what is alive.
#[derive(Debug)]
pub(crate) struct Deadlines<T> {
    heap: BinaryHeap<Reverse<(Instant, T)>>,
    n_dead: usize,
}

impl<T: Copy + Ord> Deadlines<T> {
    pub(crate) const fn new() -> Self {
        Self {
            heap: BinaryHeap::new(),
            n_dead: 0,
        }
    }

    pub(crate) fn push(&mut self, deadline: Instant, timer: T) {
        self.heap.push(Reverse((deadline, timer)));
    }

    /// One entry has lost its reason.
    pub(crate) fn cancel(&mut self, is_alive: impl Fn(T) -> bool) {
        self.n_dead += 1;
        if MIN_DEAD < self.n_dead && self.heap.len() < self.n_dead * 2 {
            self.heap.retain(|&Reverse((_, timer))| is_alive(timer));
            self.n_dead = 0;
        }
    }

    /// The next deadline of an entry that is alive.
    pub(crate) fn next(&mut self, is_alive: impl Fn(T) -> bool) -> Option<Instant> {
        while let Some(&Reverse((deadline, timer))) = self.heap.peek() {
            if is_alive(timer) {
                return Some(deadline);
            }
            self.heap.pop();
            self.n_dead = self.n_dead.saturating_sub(1);
        }
        None
    }

    /// Takes an entry whose time has come; it may be dead.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<T> {
        let &Reverse((deadline, timer)) = self.heap.peek()?;
        if now < deadline {
            return None;
        }
        self.heap.pop();
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Duration};

    use super::*;

    #[test]
    #[expect(clippy::disallowed_methods, reason = "only as an origin")]
    fn cancelled_deadlines_do_not_pile_up() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new();
        let mut alive = BTreeSet::new();
        for n in 0_u32..100_000 {
            deadlines.push(start + Duration::from_secs(30), n);
            alive.insert(n);
            if 10 <= n {
                alive.remove(&(n - 10));
                deadlines.cancel(|timer| alive.contains(&timer));
            }
            assert!(deadlines.heap.len() <= 2 * (MIN_DEAD + alive.len()));
        }
        assert_eq!(
            deadlines.next(|timer| alive.contains(&timer)),
            Some(start + Duration::from_secs(30))
        );
        assert_eq!(deadlines.pop_due(start), None);
        let due = std::iter::from_fn(|| deadlines.pop_due(start + Duration::from_secs(30)));
        assert_eq!(due.filter(|timer| alive.contains(timer)).count(), 10);
    }
}
