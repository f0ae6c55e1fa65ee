//! Waiting for a time in any executor: a client's futures may be polled where no timer of tokio
//! is at hand, or none that runs.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::time::Instant;

use crate::shared::Shared;

/// Ends at a time, whatever becomes of the client and its runtime.
pub(crate) struct Alarm {
    shared: Arc<Shared>,
    at: Instant,
    /// What the client knows it by, from the first poll on.
    id: Option<u64>,
}

impl Alarm {
    pub(crate) fn at(shared: &Arc<Shared>, at: Instant) -> Self {
        Self {
            shared: Arc::clone(shared),
            at,
            id: None,
        }
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(id) = self.id else {
            self.id = Some(self.shared.set_alarm(self.at, cx.waker()));
            return Poll::Pending;
        };
        ready!(self.shared.poll_ended(id, cx.waker()));
        Poll::Ready(())
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            self.shared.abandon(id, false);
        }
    }
}
