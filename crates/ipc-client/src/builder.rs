//! How a client is set up before it connects.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use ipc_wire::{Address, DecodeLimits};

use crate::{Client, ConnectError, address::Target, blocking, connect, driver};

/// Enough for a machine under load, short enough for a person who waits.
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// About D-Bus' 25 s: longer than what people wait for, shorter than what nobody notices.
const DEFAULT_CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// A second of events at a thousand a second.
const DEFAULT_EVENT_BUFFER: usize = 1024;

/// More handlers than this rarely make progress at once; each of them costs a task.
const DEFAULT_CONCURRENT_CALLS: usize = 1024;

/// Sets up a [`Client`].
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
///
/// use ipc_client::{Client, Reconnect};
///
/// let client = Client::builder()
///     .address("unix:/run/ipc.sock".parse()?)
///     .name("billing")
///     .call_timeout(Some(Duration::from_secs(3)))
///     .reconnect(Reconnect::never())
///     .connect()
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it connects"]
pub struct Builder {
    /// Where to look for the server, if not where the environment says.
    pub(crate) target: Option<Target>,
    pub(crate) config: Config,
}

#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) name: Option<String>,
    pub(crate) connect_timeout: Duration,
    /// For how long the first connection is tried again; zero is not at all.
    pub(crate) wait_for_server: Duration,
    pub(crate) call_timeout: Option<Duration>,
    pub(crate) reconnect: Reconnect,
    pub(crate) event_buffer: usize,
    pub(crate) concurrent_calls: usize,
    /// The largest message that is sent or taken.
    pub(crate) message_bytes: usize,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            target: None,
            config: Config {
                name: None,
                connect_timeout: DEFAULT_CONNECT_TIMEOUT,
                wait_for_server: Duration::ZERO,
                call_timeout: Some(DEFAULT_CALL_TIMEOUT),
                reconnect: Reconnect::default(),
                event_buffer: DEFAULT_EVENT_BUFFER,
                concurrent_calls: DEFAULT_CONCURRENT_CALLS,
                message_bytes: DecodeLimits::DEFAULT_MESSAGE_BYTES,
            },
        }
    }

    /// Where the server is; otherwise it is looked for at the
    /// [default addresses](crate::default_addresses).
    pub fn address(mut self, address: Address) -> Self {
        self.target = Some(Target::given(address));
        self
    }

    /// What this process is called in the server's list of clients.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = Some(name.into());
        self
    }

    /// How long connecting and greeting may take, each time. Default: 5 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long to wait for the server to come if it is not there yet, as when both are started
    /// together; `None` is as long as it takes. Default: zero, which is not at all.
    ///
    /// The first connection is then tried again with the pauses of
    /// [`reconnect`](Self::reconnect), of a second at most, each attempt within the
    /// [`connect_timeout`](Self::connect_timeout), while nothing answers at the address, its name
    /// is not known, or the server is full or stopping. Whatever waiting cannot mend ends it at
    /// once: an address that cannot be used or not by this user, another refusal, something there
    /// that is no such server.
    ///
    /// ```no_run
    /// # async fn example() -> Result<(), ipc_client::ConnectError> {
    /// use std::time::Duration;
    ///
    /// let client = ipc_client::Client::builder()
    ///     .wait_for_server(Duration::from_secs(30))
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for_server(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.wait_for_server = timeout.into().unwrap_or(Duration::MAX);
        self
    }

    /// How long a call or another request may take unless it says so itself; `None` is for ever.
    /// Default: 30 s.
    pub fn call_timeout(mut self, timeout: Option<Duration>) -> Self {
        self.config.call_timeout = timeout;
        self
    }

    /// Whether and when to connect again. Default: [`Reconnect::default`].
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.config.reconnect = reconnect;
        self
    }

    /// How many events a [`Subscription`](crate::Subscription) keeps until they are received; at
    /// least one. Default: 1,024. Whatever the number, it keeps 8 MiB at the most, or one event that
    /// is larger.
    pub fn event_buffer(mut self, n_events: usize) -> Self {
        self.config.event_buffer = n_events.max(1);
        self
    }

    /// How many calls to this client's objects are handled at once; at least one. Default:
    /// 1,024.
    ///
    /// Further calls wait in order, up to 4,096 of them or 16 MiB of arguments; those beyond are
    /// refused with the code `busy`.
    pub fn concurrent_calls(mut self, n_calls: usize) -> Self {
        self.config.concurrent_calls = n_calls.max(1);
        self
    }

    /// How large a message may be that is sent or taken, in bytes. Default: 16 MiB, as of
    /// servers.
    ///
    /// A server that takes less is sent less. What a server says never raises it.
    pub fn message_bytes(mut self, n_bytes: usize) -> Self {
        self.config.message_bytes = n_bytes;
        self
    }

    /// Connects and greets the server.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; the first connection is attempted once, unless
    /// [`wait_for_server`](Self::wait_for_server) says otherwise.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn connect(self) -> Result<Client, ConnectError> {
        let target = match self.target {
            Some(target) => target,
            None => Target::from_environment()?,
        };
        self.config.connect(target).await
    }

    /// Connects and greets the server, for a program without async.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect), and those of the system and of the place: see
    /// [`ConnectError`].
    pub fn connect_blocking(self) -> Result<blocking::Client, ConnectError> {
        blocking::connect(self)
    }
}

impl Config {
    pub(crate) async fn connect(self, target: Target) -> Result<Client, ConnectError> {
        let link = connect::connect_first(&target, &self).await?;
        Ok(driver::start(target, self, link))
    }
}

/// When a lost connection is made again.
///
/// By default the first attempt comes within 100 ms, and the bound doubles up to 10 s. Each wait
/// is chosen at random below the bound, so that the clients of a server that restarts do not come
/// back all at once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reconnect {
    bounds: Option<(Duration, Duration)>,
}

impl Reconnect {
    /// Not at all: when the connection is lost, the client is closed.
    #[must_use]
    pub const fn never() -> Self {
        Self { bounds: None }
    }

    /// Waits at random up to `first`, then up to twice as long each time, up to `longest`.
    #[must_use]
    pub const fn between(first: Duration, longest: Duration) -> Self {
        Self {
            bounds: Some((first, longest)),
        }
    }

    /// How long to wait before the attempt with this number, counted from 0; `None` means not to
    /// try.
    pub(crate) fn delay(&self, attempt: u32) -> Option<Duration> {
        let (first, longest) = self.bounds?;
        let bound = first.saturating_mul(1_u32 << attempt.min(20)).min(longest);
        Some(bound.mul_f64(random_fraction()))
    }

    /// How long a connection must stand for its loss to count as the first in a row.
    pub(crate) fn calm(&self) -> Duration {
        self.bounds.map_or(Duration::ZERO, |(_, longest)| longest)
    }
}

impl Default for Reconnect {
    fn default() -> Self {
        Self::between(Duration::from_millis(100), Duration::from_secs(10))
    }
}

/// From 0 up to 1. Every `RandomState` has keys of its own, which is random enough to spread
/// attempts.
fn random_fraction() -> f64 {
    let random = RandomState::new().hash_one(0_u8);
    let [high, low, ..] = random.to_le_bytes();
    f64::from(u16::from_le_bytes([high, low])) / 65536.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_the_wait_doubles_up_to_the_longest() {
        let reconnect = Reconnect::default();
        for (attempt, bound_ms) in [(0, 100), (1, 200), (5, 3200), (7, 10_000), (60, 10_000)] {
            for _ in 0..100 {
                let delay = reconnect.delay(attempt).unwrap();
                assert!(delay < Duration::from_millis(bound_ms), "{attempt}");
            }
        }
        assert_eq!(Reconnect::never().delay(0), None);
    }
}
