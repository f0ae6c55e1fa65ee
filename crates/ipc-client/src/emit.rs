//! Sending events.

use std::{
    future::{Future, IntoFuture},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use ipc_wire::Name;
use serde::Serialize;

use crate::{
    Client, RequestError,
    exchange::Exchange,
    outgoing::{EventMessage, Outgoing},
};

/// An event that is sent when it is awaited, made by [`Client::emit`].
///
/// # Errors
///
/// Awaiting ends with a [`RequestError`] when the event's name is none, the server declines, or
/// it cannot be reached.
///
/// # Cancel safety
///
/// Dropping the future leaves open whether the event is sent.
#[derive(Debug)]
#[must_use = "an event is sent when it is awaited"]
pub struct Emit {
    client: Client,
    message: Result<EventMessage, RequestError>,
    timeout: Option<Duration>,
}

impl Emit {
    pub(crate) fn new<T: Serialize + ?Sized>(client: Client, event: &str, value: &T) -> Self {
        let message = Name::new(event)
            .map_err(RequestError::InvalidName)
            .and_then(|name| EventMessage::new(&name, value).map_err(RequestError::Encode));
        Self {
            timeout: client.call_timeout(),
            client,
            message,
        }
    }

    /// Asks for no answer: awaiting ends with 0 as soon as the event is queued.
    ///
    /// It is written in the background, and lost when the connection or the program ends before
    /// that. [`Client::flush`] and [`Client::close`] wait until the server has taken all such
    /// events, and tell when some were perhaps lost.
    pub fn unconfirmed(mut self) -> Self {
        if let Ok(message) = &mut self.message {
            message.is_confirmed = false;
        }
        self
    }

    /// How long sending may take, from when it is first polled.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

impl IntoFuture for Emit {
    /// How many connections the event was sent to. Always 0 from a server of the seed system,
    /// which does not say.
    type Output = Result<u64, RequestError>;
    type IntoFuture = EmitFuture;

    fn into_future(self) -> EmitFuture {
        EmitFuture {
            exchange: self
                .message
                .map(|message| Exchange::new(self.client, Outgoing::Event(message), self.timeout)),
        }
    }
}

/// The future of an [`Emit`].
#[derive(Debug)]
#[must_use = "futures do nothing unless polled"]
pub struct EmitFuture {
    exchange: Result<Exchange, RequestError>,
}

impl Future for EmitFuture {
    type Output = Result<u64, RequestError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.exchange {
            Ok(exchange) => {
                let answer = ready!(Pin::new(exchange).poll(cx));
                Poll::Ready(answer.and_then(|answer| answer.into_delivered()))
            }
            Err(error) => Poll::Ready(Err(std::mem::replace(error, RequestError::Closed))),
        }
    }
}
