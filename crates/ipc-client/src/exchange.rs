//! One request and its answer, as a future.
//!
//! Every request of the public types goes through here. The fast way takes the lock once to send
//! and once to take the answer, and allocates nothing. The slow way waits until there is a
//! connection with room in its queue.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{sync::futures::OwnedNotified, time::Instant};

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
    /// Waits for a connection, or for room in its queue; says whether the time is not yet over.
    Blocked(Pin<Box<dyn Future<Output = bool> + Send>>),
    /// Was not written, or not accepted, and is tried again.
    Again,
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
                    // The waker is already noted beside the request.
                    None if matches!(self.state, State::Waiting(_)) => return Poll::Pending,
                    None => continue,
                },
                State::Blocked(unblocked) => {
                    if ready!(unblocked.as_mut().poll(cx)) {
                        self.state = State::Again;
                        continue;
                    }
                    Err(Box::new(RequestError::NotSent))
                }
                State::Waiting(id) => {
                    match ready!(self.client.shared().poll_ended(*id, cx.waker())) {
                        Ended::Answered(answer) => Ok(answer),
                        Ended::TimedOut => Err(Box::new(RequestError::Timeout)),
                        Ended::Lost => Err(Box::new(RequestError::Disconnected)),
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

    /// Sends, or finds out why not now; `None` when it is sent and the answer is to be waited
    /// for, or when it has to wait first.
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
            Ok(Submitted::Sent(id)) => self.state = State::Waiting(id),
            Ok(Submitted::Unanswered) => return Some(Ok(Answer::Success { delivered: None })),
            Ok(Submitted::Blocked(change)) => {
                self.state = State::Blocked(Box::pin(unblocked(change, self.deadline)));
            }
            Err(error) => return Some(Err(error)),
        }
        None
    }
}

/// Waits for a change; whether it came before the deadline.
async fn unblocked(change: Pin<Box<OwnedNotified>>, deadline: Option<Instant>) -> bool {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, change).await.is_ok(),
        None => {
            change.await;
            true
        }
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
