//! What a client tells about itself as it changes: the connection's state and a registration's.

use tokio::sync::watch;

use crate::DisconnectReason;

/// How the connection stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionState {
    /// It stands; what was registered and listened to is being restored or is restored.
    Connected,
    /// It is lost, and the client is trying to connect again.
    Disconnected {
        /// Why it was lost, or why the last attempt failed.
        reason: DisconnectReason,
    },
    /// The client is closed for good.
    Closed {
        /// Why the connection ended; `None` when the client was closed by its owner.
        reason: Option<DisconnectReason>,
    },
}

/// How a registration stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum RegistrationState {
    /// The server knows it.
    Active,
    /// There is no connection; it will be registered again after reconnecting.
    Disconnected,
    /// After reconnecting the server refused it, for example because somebody else took the name
    /// meanwhile. The client goes on trying.
    Refused {
        /// The server's words.
        message: String,
    },
    /// It was given back, or the client is closed.
    Ended,
}

/// A value that changes, of which the newest state can be had and waited for.
///
/// What stands when it is made counts as seen: [`changed`](Self::changed) waits for what comes
/// after. A clone has seen what its original had.
#[derive(Clone, Debug)]
pub struct Watch<T> {
    receiver: watch::Receiver<T>,
    /// Whether a value is the last one.
    is_final: fn(&T) -> bool,
}

impl ConnectionState {
    pub(crate) const fn is_final(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}

impl RegistrationState {
    pub(crate) fn is_final(&self) -> bool {
        *self == Self::Ended
    }
}

impl<T: Clone> Watch<T> {
    pub(crate) fn new(mut receiver: watch::Receiver<T>, is_final: fn(&T) -> bool) -> Self {
        receiver.mark_unchanged();
        Self { receiver, is_final }
    }

    /// The value of this moment.
    #[must_use]
    pub fn current(&self) -> T {
        self.receiver.borrow().clone()
    }

    /// Waits until the value is another than the one seen last, and returns it; `None` when it
    /// cannot change any more. Values in between may be skipped.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn changed(&mut self) -> Option<T> {
        let is_new = self.receiver.has_changed().unwrap_or(true);
        if !is_new && (self.is_final)(&self.receiver.borrow()) {
            return None;
        }
        self.receiver.changed().await.ok()?;
        Some(self.receiver.borrow_and_update().clone())
    }

    /// Waits until the value is one that `is_wanted`, and returns it; `None` when it cannot
    /// become one any more.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn wait_for(&mut self, mut is_wanted: impl FnMut(&T) -> bool) -> Option<T> {
        let is_final = self.is_final;
        let mut was_wanted = false;
        let decided = |value: &T| {
            was_wanted = is_wanted(value);
            was_wanted || is_final(value)
        };
        let value = self.receiver.wait_for(decided).await.ok()?.clone();
        was_wanted.then_some(value)
    }
}
