//! When to look for events without sleeping.
//!
//! Waking a thread on another core takes some 30 µs on a virtual machine, most of what a call
//! takes that travels alone. While messages follow each other closely, the loop looks again for a
//! while instead of sleeping. It must pay: when the waits between them are longer on average, the
//! loop sleeps at once, so that a thousand messages a second cost nothing; and when looking has
//! found nothing a few times in a row, it sleeps through the next messages before it tries again.
//! Only waiting counts: the time that a large message takes says nothing about when the next comes.

use std::time::{Duration, Instant};

/// How long the loop looks for the next message by default: a little longer than a peer takes to
/// be woken and to answer.
pub(crate) const DEFAULT_WINDOW: Duration = Duration::from_micros(50);

/// Looking longer than this is the same as never sleeping: every gap counts as shorter.
const LONGEST_WINDOW: Duration = Duration::from_secs(3600);

/// Gaps longer than this count as this long, so that the average soon forgets a pause.
const LONGEST_GAP: Duration = Duration::from_millis(1);

/// The share of the newest gap in the average is one in so many.
const WEIGHT: u32 = 8;

/// Looks in a row that find nothing before the loop sleeps for a while.
const LOOKS_IN_VAIN: u32 = 4;

/// Messages that it sleeps through then.
const RESTS: u32 = 128;

/// Decides between looking and sleeping.
#[derive(Debug)]
pub(crate) struct Polling {
    window: Duration,
    average_gap: Duration,
    waiting_since: Instant,
    n_in_vain: u32,
    n_rests: u32,
}

impl Polling {
    /// Looks for at most `window` after the last work; not at all when it is zero, or on one core,
    /// where looking would keep everyone else from running.
    pub(crate) fn new(window: Duration, now: Instant) -> Self {
        let window = if has_other_cores() {
            window
        } else {
            Duration::ZERO
        };
        let (n_in_vain, n_rests) = (0, 0);
        Self {
            window: window.min(LONGEST_WINDOW),
            average_gap: LONGEST_GAP,
            waiting_since: now,
            n_in_vain,
            n_rests,
        }
    }

    /// Everything that came is dealt with.
    pub(crate) const fn begin_wait(&mut self, now: Instant) {
        self.waiting_since = now;
    }

    /// Events came.
    pub(crate) fn note_event(&mut self, now: Instant) {
        let gap = now.saturating_duration_since(self.waiting_since);
        if 0 < self.n_rests {
            self.n_rests -= 1;
        } else if gap < self.window {
            self.n_in_vain = 0;
        } else if self.is_close() {
            self.n_in_vain += 1;
            if self.n_in_vain == LOOKS_IN_VAIN {
                (self.n_in_vain, self.n_rests) = (0, RESTS);
            }
        }
        self.average_gap = (self.average_gap * (WEIGHT - 1) + gap.min(LONGEST_GAP)) / WEIGHT;
    }

    /// Whether to look again instead of sleeping.
    pub(crate) fn is_worthwhile(&self, now: Instant) -> bool {
        self.n_rests == 0 && self.is_close() && now < self.waiting_since + self.window
    }

    /// Whether events follow each other so closely that looking could pay. While the loop sleeps,
    /// waking it is part of each gap; so gaps are allowed that are twice as long as it looks.
    fn is_close(&self) -> bool {
        self.average_gap < 2 * self.window
    }
}

/// Whether peers can run while this thread does. That this process may be bound to one core says
/// nothing about them.
fn has_other_cores() -> bool {
    let is_free = std::thread::available_parallelism().is_ok_and(|cores| 1 < cores.get());
    // A list of ranges, such as "0-7"; a single core is "0".
    let online = std::fs::read_to_string("/sys/devices/system/cpu/online");
    is_free || online.is_ok_and(|online| online.contains(['-', ',']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn polling(average_gap: Duration, now: Instant) -> Polling {
        Polling {
            window: DEFAULT_WINDOW,
            average_gap,
            waiting_since: now,
            n_in_vain: 0,
            n_rests: 0,
        }
    }

    /// After how many of the last thousand events it was worthwhile to look.
    fn looks(gaps_us: &[u64]) -> usize {
        let mut now = Instant::now();
        let mut polling = polling(LONGEST_GAP, now);
        let mut n_looks = 0;
        for (n, gap_us) in gaps_us.iter().cycle().take(1100).enumerate() {
            now += Duration::from_micros(*gap_us);
            polling.note_event(now);
            polling.begin_wait(now);
            n_looks += usize::from(100 <= n && polling.is_worthwhile(now));
        }
        n_looks
    }

    #[test]
    fn it_looks_while_messages_follow_each_other() {
        assert_eq!(looks(&[30]), 1000);
        assert_eq!(looks(&[5, 40]), 1000);
        assert_eq!(looks(&[30, 60]), 1000, "every other look finds something");
    }

    #[test]
    fn it_sleeps_when_they_come_a_thousand_times_a_second() {
        assert_eq!(looks(&[1000]), 0);
        assert_eq!(
            looks(&[30, 970]),
            0,
            "a call and its answer a thousand times a second"
        );
    }

    #[test]
    fn the_time_that_a_message_takes_is_no_gap() {
        let mut now = Instant::now();
        let mut polling = polling(Duration::from_micros(30), now);
        for _ in 0..100 {
            now += Duration::from_micros(30);
            polling.note_event(now);
            now += Duration::from_millis(1);
            polling.begin_wait(now);
            assert!(polling.is_worthwhile(now));
        }
    }

    #[test]
    fn it_rests_when_looking_finds_nothing() {
        assert!(looks(&[80]) < 50, "a few looks, and a long rest");
    }

    #[test]
    fn the_window_may_be_as_long_as_a_duration_can_be() {
        let now = Instant::now();
        let mut polling = Polling::new(Duration::MAX, now);
        polling.note_event(now);
        assert!(polling.is_worthwhile(now) || !has_other_cores());
    }

    #[test]
    fn it_stops_looking_when_the_window_is_over() {
        let now = Instant::now();
        let polling = polling(Duration::from_micros(20), now);
        assert!(polling.is_worthwhile(now + DEFAULT_WINDOW / 2));
        assert!(!polling.is_worthwhile(now + DEFAULT_WINDOW));
    }
}
