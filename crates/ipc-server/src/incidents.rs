//! What peers can cause to be logged, and how much of it is.
//!
//! A peer can repeat each of these as often as it likes, and must not fill a disk that way. So the
//! first few are logged one by one; those that follow are counted, and a line every [`WINDOW`] says
//! how many, until there are none. Everything above `debug` that a peer can cause goes through here.

use std::time::{Duration, Instant};

/// How many of a kind are logged one by one: enough to see who causes them.
const LOGGED_SINGLY: u32 = 5;

/// How long incidents are counted before they are summed up.
const WINDOW: Duration = Duration::from_secs(10);

/// Something that a peer can cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Incident {
    ConnectionRefused,
    AcceptingRests,
    AcceptingAgain,
    SlowConsumer,
    NoMemory,
    NotWatched,
    StoodStill,
}

impl Incident {
    const ALL: [Self; 7] = [
        Self::ConnectionRefused,
        Self::AcceptingRests,
        Self::AcceptingAgain,
        Self::SlowConsumer,
        Self::NoMemory,
        Self::NotWatched,
        Self::StoodStill,
    ];

    const fn text(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "connection refused",
            Self::AcceptingRests => "not accepting connections for now",
            Self::AcceptingAgain => "accepting connections again",
            Self::SlowConsumer => "closed: it does not read what it is sent",
            Self::NoMemory => "closed to free memory for messages",
            Self::NotWatched => "a connection cannot be watched",
            Self::StoodStill => "the server did not run for a while",
        }
    }
}

/// Recent incidents by kind. Dropping this logs the sums that are still due.
#[derive(Debug, Default)]
pub(crate) struct Incidents {
    windows: [Option<Window>; Incident::ALL.len()],
    /// When the first window ends.
    timeout: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Instant,
    /// How many may still be logged one by one.
    n_single: u32,
    n_more: u64,
}

impl Incidents {
    /// Logs an incident with `log`, which is given its text, or counts it.
    pub(crate) fn note(&mut self, incident: Incident, now: Instant, log: impl FnOnce(&str)) {
        self.pass_time(now);
        self.timeout.get_or_insert(now + WINDOW);
        let window = self.windows[incident as usize].get_or_insert(Window {
            began: now,
            n_single: LOGGED_SINGLY,
            n_more: 0,
        });
        if window.n_single == 0 {
            window.n_more += 1;
        } else {
            window.n_single -= 1;
            log(incident.text());
        }
    }

    /// Returns when [`pass_time`](Self::pass_time) has something to do.
    pub(crate) const fn timeout(&self) -> Option<Instant> {
        self.timeout
    }

    /// Logs the sums that are due.
    pub(crate) fn pass_time(&mut self, now: Instant) {
        if self.timeout.is_none_or(|timeout| now < timeout) {
            return;
        }
        for incident in Incident::ALL {
            let slot = &mut self.windows[incident as usize];
            *slot = slot.and_then(|window| {
                if now < window.began + WINDOW {
                    return Some(window);
                }
                window.log_sum(incident, now).then_some(Window {
                    began: now,
                    n_single: 0,
                    n_more: 0,
                })
            });
        }
        let windows = self.windows.iter().flatten();
        self.timeout = windows.map(|window| window.began + WINDOW).min();
    }
}

impl Drop for Incidents {
    fn drop(&mut self) {
        let now = Instant::now();
        for incident in Incident::ALL {
            if let Some(window) = self.windows[incident as usize] {
                window.log_sum(incident, now);
            }
        }
    }
}

impl Window {
    /// Logs how many were not logged one by one; returns whether there were any.
    fn log_sum(self, incident: Incident, now: Instant) -> bool {
        let Self { began, n_more, .. } = self;
        if n_more == 0 {
            return false;
        }
        let seconds = now.saturating_duration_since(began).as_secs().max(1);
        let text = incident.text();
        tracing::warn!("{text}: {n_more} more in the last {seconds} s");
        true
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Write},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What is logged meanwhile, line by line.
    fn log_of(happens: impl FnOnce()) -> Vec<String> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .without_time()
            .with_level(false)
            .with_target(false)
            .finish();
        tracing::subscriber::with_default(subscriber, happens);
        let bytes = log.0.lock().unwrap().clone();
        let text = String::from_utf8(bytes).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    fn refuse(incidents: &mut Incidents, now: Instant) {
        incidents.note(Incident::ConnectionRefused, now, |what| {
            tracing::warn!("{what}");
        });
    }

    #[test]
    fn a_few_are_logged_one_by_one_and_the_rest_by_number() {
        let now = Instant::now();
        let mut incidents = Incidents::default();
        let log = log_of(|| {
            for _ in 0..302 {
                refuse(&mut incidents, now);
            }
            assert_eq!(incidents.timeout(), Some(now + WINDOW));
            incidents.pass_time(now + WINDOW);
        });
        assert_eq!(log.len(), 6);
        assert!(log[..5].iter().all(|line| line == "connection refused"));
        assert_eq!(log[5], "connection refused: 297 more in the last 10 s");
    }

    #[test]
    fn while_they_go_on_there_is_one_line_each_time_and_none_is_forgotten() {
        let begin = Instant::now();
        let mut incidents = Incidents::default();
        // An hour, in which they come every 10 ms, and nobody looks at the clock between them.
        let log = log_of(|| {
            for n in 0..360_000 {
                refuse(&mut incidents, begin + Duration::from_millis(10) * n);
            }
            drop(incidents);
        });
        assert_eq!(log.len(), 5 + 360);
        let sums = log[5..].iter().map(|line| {
            let words: Vec<_> = line.split(' ').collect();
            words[2].parse::<usize>().unwrap()
        });
        assert_eq!(5 + sums.sum::<usize>(), 360_000);
    }

    #[test]
    fn after_a_quiet_time_they_are_logged_one_by_one_again() {
        let now = Instant::now();
        let mut incidents = Incidents::default();
        let log = log_of(|| {
            for _ in 0..6 {
                refuse(&mut incidents, now);
            }
            // The first window ends with a sum, the second without.
            incidents.pass_time(now + WINDOW);
            incidents.pass_time(now + WINDOW * 2);
            assert_eq!(incidents.timeout(), None);
            refuse(&mut incidents, now + WINDOW * 3);
        });
        assert_eq!(
            log[5..],
            [
                "connection refused: 1 more in the last 10 s",
                "connection refused"
            ]
        );
    }

    #[test]
    fn kinds_are_counted_each_by_itself() {
        let now = Instant::now();
        let mut incidents = Incidents::default();
        let log = log_of(|| {
            for _ in 0..10 {
                refuse(&mut incidents, now);
            }
            incidents.note(Incident::SlowConsumer, now, |what| tracing::warn!("{what}"));
        });
        assert_eq!(log.len(), 6);
        assert_eq!(log[5], Incident::SlowConsumer.text());
    }
}
