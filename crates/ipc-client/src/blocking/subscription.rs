//! Events, taken one after the other.

use std::{fmt, time::Duration};

use super::Client;
use crate::{Event, InsideRuntime, Lagged, RequestError};

/// The events of a name or pattern, made by [`Client::listen`] and [`Client::listen_pattern`].
///
/// An iterator that ends when the client is closed; otherwise like the async
/// [`Subscription`](crate::Subscription), with its bounded buffer and its notes of what was
/// missed. Events are received whether or not somebody waits for them.
#[must_use = "dropping a subscription ends it"]
pub struct Subscription {
    // Dropped first, while there is a connection to say it on.
    inner: crate::Subscription,
    client: Client,
}

/// No event could be waited for, or none came.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum RecvTimeoutError {
    /// The time passed.
    #[error("no event came in time")]
    Timeout,
    /// Waiting would block async code.
    #[error(transparent)]
    InsideRuntime(#[from] InsideRuntime),
}

impl Subscription {
    pub(crate) const fn new(client: Client, inner: crate::Subscription) -> Self {
        Self { inner, client }
    }

    /// Waits for the next event, or for the news that some were missed; `None` when the client is
    /// closed.
    ///
    /// # Errors
    ///
    /// [`InsideRuntime`] within async code, when there is no event yet.
    pub fn recv(&mut self) -> Result<Option<Result<Event, Lagged>>, InsideRuntime> {
        match self.inner.try_recv() {
            Some(received) => Ok(received),
            None => self.client.wait(self.inner.recv()),
        }
    }

    /// Waits as [`recv`](Self::recv), for so long at the most.
    ///
    /// # Errors
    ///
    /// [`RecvTimeoutError::Timeout`] when no event came in time.
    pub fn recv_timeout(
        &mut self,
        timeout: Duration,
    ) -> Result<Option<Result<Event, Lagged>>, RecvTimeoutError> {
        if let Some(received) = self.inner.try_recv() {
            return Ok(received);
        }
        let inner = &mut self.inner;
        let receiving = async { tokio::time::timeout(timeout, inner.recv()).await };
        let received = self.client.wait(receiving)?;
        received.map_err(|_elapsed| RecvTimeoutError::Timeout)
    }

    /// Listens to the event of exactly this name, too.
    ///
    /// # Errors
    ///
    /// As [`Client::listen`]; what was listened to before goes on.
    pub fn add(&mut self, event: impl AsRef<str>) -> Result<(), RequestError> {
        self.client.wait(self.inner.add(event))?
    }

    /// Listens to all events whose names match the pattern, too.
    ///
    /// # Errors
    ///
    /// As [`Client::listen_pattern`]; what was listened to before goes on.
    pub fn add_pattern(&mut self, pattern: impl AsRef<str>) -> Result<(), RequestError> {
        self.client.wait(self.inner.add_pattern(pattern))?
    }

    /// The names and patterns that are listened to, in the order in which they were added.
    pub fn topics(&self) -> impl Iterator<Item = &str> {
        self.inner.topics()
    }
}

impl Iterator for Subscription {
    type Item = Result<Event, Lagged>;

    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    ///
    /// Within async code, when there is no event yet.
    fn next(&mut self) -> Option<Self::Item> {
        match self.recv() {
            Ok(received) => received,
            Err(error) => panic!("{error}"),
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
