//! Waiting until objects are registered.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Client, RawJson, RequestError, WaitError, alarm::Alarm, exchange::Exchange, outgoing::Outgoing,
    pending::Answer,
};

/// How long the server is asked to hold an answer at the most. Asking again then and now shows
/// that the connection still stands.
const LONGEST_HOLD: Duration = Duration::from_secs(60);

/// How often a server of the seed system is asked, which answers at once.
const SEED_PAUSE: Duration = Duration::from_millis(100);

/// Waits for objects when it is awaited, made by [`Client::wait_for_objects`].
///
/// # Errors
///
/// Awaiting ends with [`WaitError::Missing`] when the time passes, or with
/// [`WaitError::Request`] when the server could not be asked in that time. When the connection is
/// lost, it waits for the next one and asks again.
///
/// # Cancel safety
///
/// Dropping the future ends the waiting.
#[derive(Debug)]
#[must_use = "waits when it is awaited"]
pub struct WaitForObjects {
    client: Client,
    names: Vec<String>,
    timeout: Option<Duration>,
}

impl WaitForObjects {
    pub(crate) const fn new(client: Client, names: Vec<String>) -> Self {
        Self {
            client,
            names,
            timeout: None,
        }
    }

    /// How long to wait at the most; zero only looks.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    async fn wait(self) -> Result<(), WaitError> {
        if self.names.is_empty() {
            return Ok(());
        }
        let deadline = self
            .timeout
            .and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            match self.ask(&self.names, deadline).await {
                Ok(None) => return Ok(()),
                Ok(Some(missing)) => {
                    if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                        return Err(WaitError::Missing(self.narrow(missing).await?));
                    }
                }
                // Asking twice does no harm.
                Err(RequestError::Disconnected) => {}
                Err(RequestError::Timeout | RequestError::NotSent) if deadline.is_none() => {}
                Err(error) => return Err(error.into()),
            }
            if self.client.is_seed() {
                let next = Instant::now() + SEED_PAUSE;
                let next = deadline.map_or(next, |deadline| deadline.min(next));
                Alarm::at(self.client.shared(), next).await;
            }
        }
    }

    /// Asks once; the names that are missing, or `None` when all are there.
    async fn ask(
        &self,
        names: &[String],
        deadline: Option<Instant>,
    ) -> Result<Option<Vec<String>>, RequestError> {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let hold = left.map_or(LONGEST_HOLD, |left| left.min(LONGEST_HOLD));
        let list = RawJson::new(names).map_err(RequestError::Encode)?;
        let outgoing = Outgoing::Wait { list, hold };
        // Where no time is left the question itself still has some to travel, and without a
        // deadline it waits for a connection as long as it takes.
        let timeout = left.map(|left| left.max(SEED_PAUSE));
        match Exchange::new(self.client.clone(), outgoing, timeout).await? {
            Answer::Complete => Ok(None),
            Answer::Missing(None) => Ok(Some(names.to_vec())),
            Answer::Missing(Some(missing)) => {
                missing.parse().map(Some).map_err(RequestError::Decode)
            }
            other => Err(other.into_refusal()),
        }
    }

    /// A server of the seed system does not say which names are missing, so each is asked for.
    async fn narrow(&self, missing: Vec<String>) -> Result<Vec<String>, RequestError> {
        if !self.client.is_seed() || missing.len() < 2 {
            return Ok(missing);
        }
        let mut narrowed = Vec::new();
        for name in missing {
            let asked = self.ask(std::slice::from_ref(&name), Some(Instant::now()));
            if asked.await?.is_some() {
                narrowed.push(name);
            }
        }
        Ok(narrowed)
    }
}

impl IntoFuture for WaitForObjects {
    type Output = Result<(), WaitError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.wait())
    }
}
