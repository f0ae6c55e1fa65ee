//! One request and its answer, as a future.
//!
//! Every request of the public types goes through here. The fast way takes the lock once to send
//! and once to take the answer, and allocates nothing. The slow way waits until there is a
//! connection with room in its queue. Either way it is woken by the client, at its deadline at the
//! latest, so that it can be polled in any executor.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::time::Instant;

use crate::{
    Client, RequestError,
    core::{Submitted, Timing},
    outgoing::Outgoing,
    pending::{Answer, Ended},
};

/// Sends a request when there is a connection to send it on, and waits for its answer.
///
/// Dropping it gives the answer up; the server is told where it would go on working.
pub(crate) struct Exchange {
    client: Client,
    outgoing: Outgoing,
    timeout: Option<Duration>,
    deadline: Option<Instant>,
    state: State,
}

enum State {
    New,
    /// Was not written, or not accepted, and is tried again.
    Again,
    /// For the answer, or for a connection with room in its queue.
    Waiting(u64),
    Ended,
}

impl Exchange {
    pub(crate) const fn new(client: Client, outgoing: Outgoing, timeout: Option<Duration>) -> Self {
        Self {
            client,
            outgoing,
            timeout,
            deadline: None,
            state: State::New,
        }
    }

    pub(crate) const fn outgoing(&self) -> &Outgoing {
        &self.outgoing
    }

    /// Waits for the answer. The error, which is rare, does not make the answer larger.
    pub(crate) fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Answer, Box<RequestError>>> {
        loop {
            let outcome = match &mut self.state {
                State::New | State::Again => match self.submit(cx) {
                    Some(outcome) => outcome,
                    // The waker is already noted.
                    None => return Poll::Pending,
                },
                State::Waiting(id) => {
                    match ready!(self.client.shared().poll_ended(*id, cx.waker())) {
                        Ended::Answered(answer) => Ok(answer),
                        Ended::TimedOut => Err(Box::new(RequestError::Timeout)),
                        Ended::Lost => Err(Box::new(RequestError::Disconnected)),
                        Ended::NotSent => Err(Box::new(RequestError::NotSent)),
                        Ended::Unwritten => {
                            self.state = State::Again;
                            continue;
                        }
                    }
                }
                // Polling a future again after its end is the caller's bug.
                State::Ended => return Poll::Pending,
            };
            self.state = State::Ended;
            return Poll::Ready(outcome);
        }
    }

    /// Sends, or finds out why not now; `None` when the answer is to be waited for, or a
    /// connection first.
    fn submit(&mut self, cx: &Context<'_>) -> Option<Result<Answer, Box<RequestError>>> {
        let now = Instant::now();
        if matches!(self.state, State::New) {
            self.deadline = self.timeout.and_then(|timeout| now.checked_add(timeout));
        } else if self.deadline.is_some_and(|deadline| deadline <= now) {
            return Some(Err(Box::new(RequestError::NotSent)));
        }
        let timing = Timing {
            now,
            deadline: self.deadline,
        };
        let shared = self.client.shared();
        match shared.submit(&self.outgoing, timing, cx.waker()) {
            Ok(Submitted::Sent(id) | Submitted::Blocked(id)) => self.state = State::Waiting(id),
            Ok(Submitted::Unanswered) => return Some(Ok(Answer::Success { delivered: None })),
            Err(error) => return Some(Err(error)),
        }
        None
    }
}

impl Future for Exchange {
    type Output = Result<Answer, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.poll_answer(cx).map_err(|error| *error)
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if let State::Waiting(id) = self.state {
            let shared = Arc::clone(self.client.shared());
            shared.abandon(id, self.outgoing.is_cancellable());
        }
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange")
            .field("outgoing", &self.outgoing)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
