//! Ending by a signal, as a shell expects it.
//!
//! A command that was interrupted dies of the signal, so that a script or a loop around it can tell
//! that from success. Nearly every command has nothing to clean up and leaves that to the system,
//! which also keeps a signal ignored that `nohup` or a script's `&` has ignored. `serve` takes the
//! signals as [`Signals`], cleans up, and dies of the signal then. The first process of a
//! container is one that the system does not end by signals that nobody takes: there they end it
//! with the code that a shell would show.

use std::fmt;

pub(crate) use imp::{Signals, end_first_process};

/// A signal asked the command to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interrupted {
    signal: i32,
}

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ended by signal {}", self.signal)
    }
}

impl std::error::Error for Interrupted {}

#[cfg(unix)]
mod imp {
    use std::{
        fs,
        future::poll_fn,
        io,
        process::{self, ExitCode},
        sync::{
            Arc,
            atomic::{AtomicBool, Ordering},
        },
        task::Poll,
    };

    use signal_hook::{
        consts::{
            SIGALRM, SIGHUP, SIGINT, SIGPROF, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGVTALRM,
            SIGXCPU, SIGXFSZ,
        },
        flag, low_level,
    };
    use tokio::signal::unix::{Signal, SignalKind, signal};

    use super::Interrupted;

    /// The signals that ask a process to end, and those that end one that does not know them.
    const ENDING: [i32; 10] = [
        SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM, SIGPROF, SIGUSR1, SIGUSR2, SIGVTALRM, SIGXCPU,
    ];

    /// What a shell adds to the number of the signal that ended a command.
    const SHELL_BASE: i32 = 128;

    /// Whether the next signal ends the process in its handler.
    static IS_ARMED: AtomicBool = AtomicBool::new(true);

    /// Makes signals end this process if it is the first of a container.
    pub(crate) fn end_first_process() -> io::Result<()> {
        if is_first_process() {
            for signal in not_ignored() {
                flag::register_conditional_shutdown(signal, SHELL_BASE + signal, &IS_ARMED)?;
            }
        }
        Ok(())
    }

    /// The signals that ask a process to end, while a command has something to clean up.
    #[derive(Debug)]
    pub(crate) struct Signals {
        signals: Vec<(i32, Signal)>,
    }

    impl Signals {
        /// From now on these signals are noted instead of ending the process. Those that are ignored
        /// stay ignored.
        pub(crate) fn new() -> io::Result<Self> {
            let mut signals = Vec::new();
            for number in not_ignored() {
                if !is_first_process() {
                    flag::register_conditional_default(number, &IS_ARMED)?;
                }
                signals.push((number, signal(SignalKind::from_raw(number))?));
            }
            // So that a log at its size limit is an error, not an end without a cleanup. Any handler
            // will do.
            flag::register(SIGXFSZ, Arc::default())?;
            IS_ARMED.store(false, Ordering::SeqCst);
            Ok(Self { signals })
        }

        /// From now on a signal ends the process at once, whatever it is doing.
        ///
        /// Not before what must not be left behind is gone: signals may come in pairs, as when a
        /// terminal is closed.
        pub(crate) fn end_at_next(&self) {
            IS_ARMED.store(true, Ordering::SeqCst);
        }

        /// Waits for one of the signals.
        pub(crate) async fn recv(&mut self) -> Interrupted {
            poll_fn(|cx| {
                for (number, signal) in &mut self.signals {
                    if signal.poll_recv(cx).is_ready() {
                        return Poll::Ready(Interrupted { signal: *number });
                    }
                }
                Poll::Pending
            })
            .await
        }
    }

    impl Interrupted {
        /// Ends the process by the signal, as if nobody had taken it.
        pub(crate) fn end_process(self) -> ExitCode {
            if !is_first_process() {
                // It only returns when the signal is not known.
                low_level::emulate_default_handler(self.signal).ok();
            }
            u8::try_from(SHELL_BASE + self.signal).map_or(ExitCode::FAILURE, ExitCode::from)
        }
    }

    fn is_first_process() -> bool {
        process::id() == 1
    }

    fn not_ignored() -> impl Iterator<Item = i32> {
        let ignored = ignored(fs::read_to_string("/proc/self/status").ok().as_deref());
        ENDING
            .into_iter()
            .filter(move |signal| ignored & (1 << (signal - 1)) == 0)
    }

    /// The signals that are ignored, a bit each, by what Linux says of the process. Where nobody
    /// says it SIGHUP is left alone, so that `nohup` works.
    fn ignored(status: Option<&str>) -> u64 {
        status
            .and_then(|status| status.lines().find_map(|line| line.strip_prefix("SigIgn:")))
            .and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok())
            .unwrap_or(1 << (SIGHUP - 1))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn ignored_signals_are_read_from_the_status_of_the_process() {
            let status = "Name:\tipc\nSigBlk:\tffffffffffffffff\nSigIgn:\t0000000000001003\n";
            assert_eq!(ignored(Some(status)), 0x1003);
            assert_eq!(ignored(Some("Name:\tipc\n")), 1, "only SIGHUP");
            assert_eq!(ignored(None), 1, "only SIGHUP");
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::{future::pending, io, process::ExitCode};

    use super::Interrupted;

    /// What Ctrl-C is on Unix, whose exit code is used here, too.
    const SIGINT: i32 = 2;

    /// Signals end every process.
    pub(crate) const fn end_first_process() -> io::Result<()> {
        Ok(())
    }

    /// Ctrl-C, while a command has something to clean up.
    #[derive(Debug)]
    pub(crate) struct Signals;

    impl Signals {
        pub(crate) const fn new() -> io::Result<Self> {
            Ok(Self)
        }

        /// Nothing more than what Ctrl-C does is known here.
        pub(crate) const fn end_at_next(&self) {}

        /// Waits for Ctrl-C.
        pub(crate) async fn recv(&mut self) -> Interrupted {
            if tokio::signal::ctrl_c().await.is_err() {
                pending::<()>().await;
            }
            Interrupted { signal: SIGINT }
        }
    }

    impl Interrupted {
        /// The exit code of an interrupted command.
        pub(crate) fn end_process(self) -> ExitCode {
            ExitCode::from(130)
        }
    }
}
