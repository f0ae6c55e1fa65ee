//! When to look for events without sleeping.
//!
//! Waking a thread on another core takes some 30 µs on a virtual machine, most of what a call
//! takes that travels alone. While messages follow each other faster than that, the loop looks
//! again instead of sleeping. It must pay: as soon as they come further apart on average, the
//! loop sleeps at once, so that a thousand messages a second cost nothing.

use std::time::{Duration, Instant};

/// How long the loop looks for the next message by default: a little longer than a peer takes to
/// be woken and to answer.
pub(crate) const DEFAULT_WINDOW: Duration = Duration::from_micros(50);

/// Gaps longer than this count as this long, so that the average soon forgets a pause.
const LONGEST_GAP: Duration = Duration::from_millis(1);

/// The share of the newest gap in the average is one in so many.
const WEIGHT: u32 = 8;

/// Decides between looking and sleeping.
#[derive(Debug)]
pub(crate) struct Polling {
    window: Duration,
    average_gap: Duration,
    last_event: Instant,
}

impl Polling {
    /// Looks for at most `window` after an event; not at all when it is zero, or on one core,
    /// where looking would keep everyone else from running.
    pub(crate) fn new(window: Duration, now: Instant) -> Self {
        let has_cores = std::thread::available_parallelism().is_ok_and(|cores| 1 < cores.get());
        let window = if has_cores { window } else { Duration::ZERO };
        Self {
            window,
            average_gap: LONGEST_GAP,
            last_event: now,
        }
    }

    /// Events came.
    pub(crate) fn note_event(&mut self, now: Instant) {
        let gap = now
            .saturating_duration_since(self.last_event)
            .min(LONGEST_GAP);
        self.average_gap = (self.average_gap * (WEIGHT - 1) + gap) / WEIGHT;
        self.last_event = now;
    }

    /// Whether to look again instead of sleeping.
    pub(crate) fn is_worthwhile(&self, now: Instant) -> bool {
        self.average_gap < self.window && now < self.last_event + self.window
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often of the last hundred times it was worthwhile to look right after an event.
    fn looks(gaps_us: &[u64]) -> usize {
        let mut now = Instant::now();
        let mut polling = Polling {
            window: DEFAULT_WINDOW,
            average_gap: LONGEST_GAP,
            last_event: now,
        };
        let mut n_looks = 0;
        for (n, gap_us) in gaps_us.iter().cycle().take(200).enumerate() {
            now += Duration::from_micros(*gap_us);
            polling.note_event(now);
            n_looks += usize::from(100 <= n && polling.is_worthwhile(now));
        }
        n_looks
    }

    #[test]
    fn it_looks_while_messages_follow_each_other() {
        assert_eq!(looks(&[30]), 100);
        assert_eq!(looks(&[5, 40]), 100);
    }

    #[test]
    fn it_sleeps_when_they_come_a_thousand_times_a_second() {
        assert_eq!(looks(&[1000]), 0);
        assert_eq!(
            looks(&[30, 970]),
            0,
            "a call and its answer a thousand times a second"
        );
        assert_eq!(looks(&[30, 170]), 0);
    }

    #[test]
    fn it_stops_looking_when_the_window_is_over() {
        let now = Instant::now();
        let polling = Polling {
            window: DEFAULT_WINDOW,
            average_gap: Duration::from_micros(20),
            last_event: now,
        };
        assert!(polling.is_worthwhile(now + DEFAULT_WINDOW / 2));
        assert!(!polling.is_worthwhile(now + DEFAULT_WINDOW));
    }
}
