//! When time passes on peers: never before everything that they did in time was read.
//!
//! Deadlines do not follow the clock but [`PeerTime`], which is set to a moment when all that had
//! arrived by then was read, and what could be written was written. Each iteration of the loop asks
//! the system what is ready, reads and writes; if that was all, what had arrived *before it asked*
//! is dealt with, and peer time is set to that moment. So it makes no difference whether the server
//! slept, stood still or was busy when a deadline came: an answer that was there in time counts.
//!
//! Two things hold peer time back, both for a bounded time. As long as there is more to read than
//! one iteration reads, it stands, but for a limited number of iterations, for a peer that floods
//! always has more. And after a gap, in which the loop should have run and did not, it stands for a
//! moment: what a peer sent may still be on its way, and where the whole machine stood still, the
//! peers are only waking too.

use std::time::{Duration, Instant};

/// A delay of the loop that is noticed: several times what an iteration takes, so that peer time
/// does not lag behind in ordinary service.
const GAP: Duration = Duration::from_millis(20);

/// How long peer time stands after a gap at most; after a shorter gap, as long as that was.
const MAX_GRACE: Duration = Duration::from_secs(1);

/// How many iterations peer time stands for what is still to be read. An iteration reads 256 KiB
/// from a connection, and Linux keeps 6 MiB at most in a socket, unless it is told otherwise.
pub(super) const MAX_ROUNDS: u32 = 32;

/// The moment up to which time has passed on peers.
#[derive(Debug)]
pub(super) struct PeerTime {
    now: Instant,
    /// When the system was last asked what is ready, and the latest time to be back.
    asked_at: Instant,
    /// When the last gap ended.
    resumed_at: Instant,
    /// What has to be done before time passes on.
    hold: Option<Hold>,
    /// The same for a gap in the meantime.
    next_hold: Option<Hold>,
    /// When the loop last learned the time.
    clock: Instant,
}

/// Peer time stands until the loop has come so far; then it is `to`.
#[derive(Clone, Copy, Debug)]
struct Hold {
    to: Instant,
    until: Instant,
    n_rounds: u32,
}

impl PeerTime {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            now,
            asked_at: now,
            resumed_at: now,
            hold: None,
            next_hold: None,
            clock: now,
        }
    }

    /// When a deadline of a peer can be kept at the earliest.
    pub(super) fn earliest(&self, deadline: Instant) -> Instant {
        self.hold.map_or(deadline, |hold| deadline.max(hold.until))
    }

    /// When the last gap ended: what a peer does in a moment, it may do only then.
    pub(super) const fn resumed_at(&self) -> Instant {
        self.resumed_at
    }

    /// The system was asked at `asked_at` what is ready, told to answer within `timeout`, and has
    /// answered at `clock`. Returns the length of a gap that people should know of.
    pub(super) fn begin_round(
        &mut self,
        asked_at: Instant,
        timeout: Option<Duration>,
        clock: Instant,
    ) -> Option<Duration> {
        let worked = asked_at.saturating_duration_since(self.clock);
        let waited = clock.saturating_duration_since(asked_at);
        let overslept = timeout.map_or(Duration::ZERO, |timeout| waited.saturating_sub(timeout));
        let gap = worked + overslept;
        self.asked_at = asked_at;
        self.clock = clock;
        if GAP <= gap {
            self.resumed_at = clock;
            let hold = Hold {
                to: clock,
                until: clock + gap.min(MAX_GRACE),
                n_rounds: 0,
            };
            if self.hold.is_none() {
                self.hold = Some(hold);
            } else {
                self.next_hold = Some(hold);
            }
        }
        (MAX_GRACE <= gap).then_some(gap)
    }

    /// What was ready is read and written, and `is_all` when there is nothing more; `max_rounds`
    /// iterations read everything that waits at any one time. Returns the time on peers.
    pub(super) fn end_round(&mut self, is_all: bool, max_rounds: u32) -> Instant {
        let Some(hold) = &mut self.hold else {
            if is_all {
                self.now = self.asked_at;
            } else {
                self.hold = Some(Hold {
                    to: self.asked_at,
                    until: self.asked_at,
                    n_rounds: 1,
                });
            }
            return self.now;
        };
        hold.n_rounds += 1;
        if hold.until <= self.asked_at && (is_all || max_rounds <= hold.n_rounds) {
            self.now = hold.to;
            self.hold = self.next_hold.take();
        }
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A loop that only knows the time.
    struct Loop {
        time: PeerTime,
        clock: Instant,
        start: Instant,
    }

    impl Loop {
        fn new() -> Self {
            let start = Instant::now();
            Self {
                time: PeerTime::new(start),
                clock: start,
                start,
            }
        }

        /// Works, asks with a timeout and gets an answer after a while, all in milliseconds; the
        /// time on peers afterwards.
        fn round(&mut self, worked: u32, timeout: u32, waited: u32, is_all: bool) -> u128 {
            let asked_at = self.clock + MS * worked;
            self.clock = asked_at + MS * waited;
            self.time
                .begin_round(asked_at, Some(MS * timeout), self.clock);
            let now = self.time.end_round(is_all, MAX_ROUNDS);
            now.duration_since(self.start).as_millis()
        }
    }

    #[test]
    fn time_passes_to_when_the_system_was_asked_and_not_to_when_it_answered() {
        let mut looping = Loop::new();
        assert_eq!(looping.round(5, 100, 100, true), 5);
        assert_eq!(looping.round(0, 0, 0, true), 105);
    }

    #[test]
    fn it_stands_while_there_is_more_to_read_and_then_passes_to_when_that_began() {
        let mut looping = Loop::new();
        assert_eq!(looping.round(1, 0, 0, true), 1);
        assert_eq!(looping.round(1, 0, 0, false), 1);
        assert_eq!(looping.round(1, 0, 0, false), 1);
        assert_eq!(looping.round(1, 0, 0, true), 2);
        assert_eq!(looping.round(1, 0, 0, true), 5);
    }

    #[test]
    fn who_always_has_more_to_read_holds_it_back_for_a_limited_number_of_rounds() {
        let mut looping = Loop::new();
        let mut lag = 0;
        for n in 1..1000 {
            let now = looping.round(1, 0, 0, false);
            lag = lag.max(n - now);
        }
        assert!(lag <= u128::from(2 * MAX_ROUNDS), "{lag} rounds");
    }

    #[test]
    fn after_a_gap_it_stands_for_a_moment_and_then_makes_up() {
        for (worked, waited) in [(12_000, 0), (0, 12_100), (6_000, 6_100)] {
            let mut looping = Loop::new();
            assert_eq!(looping.round(worked, 100, waited, true), 0);
            let resumed_ms = u128::from(worked + waited);
            assert_eq!(looping.round(1, 100, 100, true), 0);
            assert_eq!(looping.round(899, 100, 0, true), resumed_ms);
        }
    }

    #[test]
    fn deadlines_are_waited_for_until_it_moves_again() {
        let mut looping = Loop::new();
        let deadline = looping.clock + MS * 50;
        assert_eq!(looping.time.earliest(deadline), deadline);
        looping.round(0, 50, 350, true);
        let resumed_at = looping.clock;
        assert_eq!(looping.time.resumed_at(), resumed_at);
        assert_eq!(looping.time.earliest(deadline), resumed_at + MS * 300);
    }

    #[test]
    fn a_second_gap_gets_its_own_moment() {
        let mut looping = Loop::new();
        looping.round(12_000, 0, 0, true);
        assert_eq!(
            looping.round(12_000, 0, 0, true),
            12_000,
            "the first is over"
        );
        assert_eq!(looping.round(500, 0, 0, true), 12_000);
        assert_eq!(looping.round(500, 0, 0, true), 24_000);
    }

    #[test]
    fn a_loop_that_is_always_late_still_lets_time_pass() {
        let mut looping = Loop::new();
        for n in 1..100_u32 {
            let now = looping.round(100, 0, 0, n % 3 == 0);
            assert!(u128::from(n) * 100 <= now + 100 * u128::from(MAX_ROUNDS));
        }
    }

    #[test]
    fn a_clock_that_stands_still_does_no_harm() {
        let mut looping = Loop::new();
        for _ in 0..10 {
            assert_eq!(looping.round(0, 0, 0, true), 0);
        }
    }
}
