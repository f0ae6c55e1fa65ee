//! What was sent without an answer of its own: whether the server has surely taken it.
//!
//! The server takes the messages of a connection in their order, so any answer proves that what
//! was sent before its request has arrived. In the seed dialect nothing proves that; there what is
//! written counts as taken. Kept by [`Core`](crate::core::Core).

use ipc_wire::Code;

use crate::RequestError;

/// Sends without an answer, by numbers that grow from send to send.
#[derive(Debug, Default)]
pub(crate) struct Unconfirmed {
    /// The number of the last one.
    last: u64,
    /// What has this number or a smaller one has arrived.
    proven: u64,
    /// Some did perhaps not arrive, and nobody was told yet.
    are_lost: bool,
    /// What the server declined first, where nobody was told yet.
    refusal: Option<(Option<Code>, String)>,
}

impl Unconfirmed {
    pub(crate) const fn note_sent(&mut self, number: u64) {
        self.last = number;
    }

    /// What was sent before this number has arrived.
    pub(crate) fn prove(&mut self, number: u64) {
        self.proven = self.proven.max(number);
    }

    /// Whether some may still be on their way.
    pub(crate) const fn are_open(&self) -> bool {
        self.proven < self.last
    }

    /// The server has declined one.
    pub(crate) fn refuse(&mut self, code: Option<Code>, message: String) {
        self.refusal.get_or_insert((code, message));
    }

    /// The connection is lost, and with it perhaps what was on its way.
    pub(crate) const fn lose(&mut self) {
        self.are_lost |= self.are_open();
        (self.last, self.proven) = (0, 0);
    }

    /// What has become of those of which nothing else tells.
    ///
    /// # Errors
    ///
    /// [`RequestError::Unconfirmed`] or [`RequestError::Refused`], once.
    pub(crate) fn take_failure(&mut self) -> Result<(), RequestError> {
        let refusal = self.refusal.take();
        if std::mem::take(&mut self.are_lost) {
            return Err(RequestError::Unconfirmed);
        }
        match refusal {
            Some((code, message)) => Err(RequestError::Refused { code, message }),
            None => Ok(()),
        }
    }
}
