//! Calls to objects: what is called, how, and the future of the reply.

use std::{
    fmt,
    future::{Future, IntoFuture},
    marker::PhantomData,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use ipc_wire::{Code, InvalidName, Name};
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    CallError, Client, RawJson, RequestError,
    exchange::Exchange,
    outgoing::{CallMessage, Outgoing, decode_literal, literal},
    pending::{Answer, Failure, Origin},
};

/// An object that can be called, made by [`Client::object`].
#[derive(Clone)]
pub struct Object {
    client: Client,
    /// The name as it stands in a call.
    literal: Result<Bytes, InvalidName>,
}

impl Object {
    pub(crate) fn new(client: Client, name: &str) -> Self {
        let literal = Name::check(name).map(|()| literal(name).into());
        Self { client, literal }
    }

    /// Calls a method with an argument. Await the result to call; its type is what the response
    /// is read as.
    ///
    /// ```no_run
    /// # async fn example(client: ipc_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// use std::time::Duration;
    ///
    /// let calc = client.object("calc");
    /// let sum: i64 = calc.call("add", &(1, 2)).await?;
    /// let root = calc
    ///     .call::<f64>("sqrt", &sum)
    ///     .timeout(Duration::from_secs(1))
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<T>(&self, method: &str, param: &(impl Serialize + ?Sized)) -> Call<T> {
        Call::new(self, method, |body| serde_json::to_writer(body, param))
    }

    /// Calls a method without an argument: the call then has no `param` at all.
    pub fn call_without_param<T>(&self, method: &str) -> Call<T> {
        Call::new(self, method, |_body| Ok(()))
    }

    /// Calls a method with JSON text as it is, or without an argument, and returns the
    /// response's text.
    pub fn call_raw(&self, method: &str, param: Option<RawJson>) -> RawCall {
        let call = Call::new(self, method, |body| {
            if let Some(param) = &param {
                body.extend_from_slice(param.as_bytes());
            }
            Ok(())
        });
        RawCall { call }
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Object")
            .field("name", &self.literal.as_deref().map(decode_literal))
            .finish_non_exhaustive()
    }
}

/// A call that is made when it is awaited.
///
/// # Errors
///
/// Awaiting ends with a [`CallError`]. A call that finds no connection waits for one within its
/// timeout and otherwise ends with [`CallError::NotSent`].
///
/// # Cancel safety
///
/// Dropping the future cancels the call: the server is told, the provider's handler is aborted
/// if it runs, and a late response is dropped.
#[must_use = "a call is made when it is awaited"]
pub struct Call<T> {
    client: Client,
    message: Result<CallMessage, Box<CallError>>,
    timeout: Option<Duration>,
    response: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    fn new(
        object: &Object,
        method: &str,
        write_param: impl FnOnce(&mut Vec<u8>) -> Result<(), serde_json::Error>,
    ) -> Self {
        let message = match &object.literal {
            Ok(literal) => CallMessage::new(literal, method, write_param),
            Err(invalid) => Err(Box::new(CallError::InvalidName(*invalid))),
        };
        Self {
            client: object.client.clone(),
            message,
            timeout: object.client.call_timeout(),
            response: PhantomData,
        }
    }

    /// How long the call may take, from when it is first polled.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Lets the call take as long as it takes.
    pub const fn no_timeout(mut self) -> Self {
        self.timeout = None;
        self
    }

    /// What rides along, such as `traceparent`: anything that is a JSON object, forwarded to the
    /// provider verbatim. Not sent to servers of the seed system.
    pub fn headers(mut self, headers: &(impl Serialize + ?Sized)) -> Self {
        if let Ok(message) = &mut self.message
            && let Err(error) = message.set_headers(headers)
        {
            self.message = Err(Box::new(CallError::Encode(error)));
        }
        self
    }

    fn into_raw_future(self) -> RawCallFuture {
        let begun = match self.message {
            Ok(message) => {
                let outgoing = Outgoing::Call(message);
                Ok(Exchange::new(self.client, outgoing, self.timeout))
            }
            Err(error) => Err(Some(error)),
        };
        RawCallFuture { begun }
    }
}

impl<T: DeserializeOwned> IntoFuture for Call<T> {
    type Output = Result<T, CallError>;
    type IntoFuture = CallFuture<T>;

    fn into_future(self) -> CallFuture<T> {
        CallFuture {
            raw: self.into_raw_future(),
            response: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("message", &self.message)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// A call whose response stays text; otherwise like [`Call`].
///
/// # Errors
///
/// Awaiting ends with a [`CallError`].
///
/// # Cancel safety
///
/// Dropping the future cancels the call.
#[derive(Debug)]
#[must_use = "a call is made when it is awaited"]
pub struct RawCall {
    call: Call<RawJson>,
}

impl RawCall {
    /// How long the call may take, from when it is first polled.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout = Some(timeout);
        self
    }

    /// Lets the call take as long as it takes.
    pub const fn no_timeout(mut self) -> Self {
        self.call.timeout = None;
        self
    }

    /// What rides along: anything that is a JSON object.
    pub fn headers(mut self, headers: &(impl Serialize + ?Sized)) -> Self {
        self.call = self.call.headers(headers);
        self
    }
}

impl IntoFuture for RawCall {
    type Output = Result<RawJson, CallError>;
    type IntoFuture = RawCallFuture;

    fn into_future(self) -> RawCallFuture {
        self.call.into_raw_future()
    }
}

/// The future of a [`Call`].
#[must_use = "futures do nothing unless polled"]
pub struct CallFuture<T> {
    raw: RawCallFuture,
    response: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Future for CallFuture<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = ready!(Pin::new(&mut self.raw).poll(cx));
        Poll::Ready(outcome.and_then(|response| response.parse().map_err(CallError::Decode)))
    }
}

impl<T> fmt::Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.raw.fmt(f)
    }
}

/// The future of a [`RawCall`].
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct RawCallFuture {
    /// Or what was wrong before anything could be sent, until it is told.
    begun: Result<Exchange, Option<Box<CallError>>>,
}

impl Future for RawCallFuture {
    type Output = Result<RawJson, CallError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let outcome = match &mut self.begun {
            Ok(exchange) => {
                let outcome = ready!(exchange.poll_answer(cx));
                read_outcome(outcome, exchange.outgoing())
            }
            Err(refused) => match refused.take() {
                Some(error) => Err(*error),
                // Polling a future again after its end is the caller's bug; it gets what never
                // comes.
                None => return Poll::Pending,
            },
        };
        self.begun = Err(None);
        Poll::Ready(outcome)
    }
}

fn read_outcome(
    outcome: Result<Answer, Box<RequestError>>,
    outgoing: &Outgoing,
) -> Result<RawJson, CallError> {
    match outcome {
        Ok(Answer::Response(response)) => Ok(response),
        Ok(Answer::Error(failure)) => Err(read_error(*failure, outgoing)),
        // Another kind of answer to a call is no answer to it.
        Ok(Answer::Success { .. } | Answer::Complete | Answer::Missing(_)) => {
            Err(CallError::Refused {
                code: None,
                message: "the server answered the call with something else".to_owned(),
            })
        }
        Err(error) => Err(widen(*error)),
    }
}

fn read_error(Failure { error, origin }: Failure, outgoing: &Outgoing) -> CallError {
    let Origin::Server(code) = origin else {
        return CallError::Remote(error);
    };
    let (object, method) = outgoing.object_and_method();
    match code {
        Some(Code::ObjectNotFound) => CallError::ObjectNotFound { object },
        Some(Code::MethodNotFound) => CallError::MethodNotFound { object, method },
        Some(Code::Timeout) => CallError::Timeout,
        Some(Code::ProviderGone) => CallError::ProviderGone,
        Some(Code::Cancelled) => CallError::Cancelled,
        code => CallError::Refused {
            code,
            message: error.to_message(),
        },
    }
}

/// The same error, in the words of calls.
fn widen(error: RequestError) -> CallError {
    match error {
        RequestError::InvalidName(invalid) => CallError::InvalidName(invalid),
        RequestError::Encode(error) => CallError::Encode(error),
        RequestError::TooLarge { bytes, limit_bytes } => CallError::TooLarge { bytes, limit_bytes },
        RequestError::NotSent => CallError::NotSent,
        RequestError::Closed => CallError::Closed,
        RequestError::Refused { code, message } => CallError::Refused { code, message },
        RequestError::Timeout => CallError::Timeout,
        // The latter is told of no call.
        RequestError::Disconnected | RequestError::Unconfirmed => CallError::Disconnected,
        RequestError::Decode(error) => CallError::Decode(error),
        RequestError::InsideRuntime(error) => CallError::InsideRuntime(error),
        error @ (RequestError::Unsupported | RequestError::InvalidPattern(_)) => {
            CallError::Refused {
                code: error.code(),
                message: error.to_string(),
            }
        }
    }
}
