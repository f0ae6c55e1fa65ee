//! The handle that applications hold.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use ipc_wire::{Address, Dialect, Name, Pattern};
use serde::Serialize;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    Builder, ConnectError, ConnectionState, Emit, Object, ObjectError, Provider, Register, Request,
    RequestError, Response, Subscription, WaitForObjects, Watch, alarm::Alarm, core::Link,
    driver::CLOSE_TIMEOUT, exchange::Exchange, outgoing::ServerMethod, serving::service,
    shared::Shared, subscription, subscriptions::Topic,
};

/// One connection to the server, shared by all clones.
///
/// The connection is closed when the last clone is dropped and with it everything that was made
/// from it: [`Object`], [`Registration`](crate::Registration), [`Subscription`], pending calls.
/// [`close`](Self::close) closes it before that.
///
/// The connection is driven by a task in the runtime that the client was made in. Once that
/// runtime is gone the client is closed, wherever it is used: requests end with
/// [`RequestError::Closed`], and [`states`](Self::states) says why. While the runtime stands still
/// (one for a single thread, outside of its `block_on`), nothing is sent or received, but requests
/// still end at their timeouts. The futures of a client may be polled in any executor.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What all clones share; its end is the end of the connection.
struct Handle {
    shared: Arc<Shared>,
    /// Ends by itself when told to close, after it has written what was queued.
    driver: JoinHandle<()>,
}

impl Client {
    /// Connects to the server at the first of the [default addresses](crate::default_addresses)
    /// that answers.
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; the first connection is attempted once.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime, or in one without its drivers for I/O and time.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future leaves nothing behind.
    pub async fn connect() -> Result<Self, ConnectError> {
        Self::builder().connect().await
    }

    /// Sets up a client by hand.
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(shared: Arc<Shared>, driver: JoinHandle<()>) -> Self {
        Self {
            handle: Arc::new(Handle { shared, driver }),
        }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.handle.shared
    }

    /// The object of this name, whether it is registered now or not.
    ///
    /// Keeping it saves a little work with each call.
    #[must_use]
    pub fn object(&self, name: impl AsRef<str>) -> Object {
        Object::new(self.clone(), name.as_ref())
    }

    /// Provides an object: its calls are given to `provider` from now on, and again after each
    /// reconnect.
    ///
    /// A provider is a type that implements [`Provider`], a table of [`Methods`](crate::Methods),
    /// or a closure from [`Request`] to a future. Await the result to register.
    pub fn register<P: Provider>(&self, object: impl AsRef<str>, provider: P) -> Register {
        Register::new(self.clone(), object.as_ref(), service(provider))
    }

    /// Provides an object through a closure that answers every call.
    ///
    /// The same as [`register`](Self::register), with the closure's types said for the compiler.
    ///
    /// ```no_run
    /// # async fn example(client: ipc_client::Client) -> Result<(), ipc_client::RequestError> {
    /// use ipc_client::Response;
    ///
    /// let echo = client
    ///     .register_fn("echo", |request| async move {
    ///         Response::new(&request.raw_param())
    ///     })
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn register_fn<F, R>(&self, object: impl AsRef<str>, answer: F) -> Register
    where
        F: Fn(Request) -> R + Send + Sync + 'static,
        R: Future<Output = Result<Response, ObjectError>> + Send + 'static,
    {
        self.register(object, answer)
    }

    /// Sends an event to everyone who listens to it at this moment. Await the result to send; it
    /// says how many connections the event was sent to.
    ///
    /// An event that is sent [without confirmation](Emit::unconfirmed) is only queued when that
    /// is done: [`flush`](Self::flush) before the program ends.
    pub fn emit<T: Serialize + ?Sized>(&self, event: impl AsRef<str>, value: &T) -> Emit {
        Emit::new(self.clone(), event.as_ref(), value)
    }

    /// Listens to the event of exactly this name.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the name is none, or the server declines or cannot be reached.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub async fn listen(&self, event: impl AsRef<str>) -> Result<Subscription, RequestError> {
        let topic = Topic::Literal(Name::new(event.as_ref())?);
        subscription::listen(self, topic).await
    }

    /// Listens to all events whose names match: dots separate tokens, `*` is one token, `>` is
    /// the rest.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the pattern is none, or the server declines, cannot be reached, or
    /// is too old for patterns.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the subscription.
    pub async fn listen_pattern(
        &self,
        pattern: impl AsRef<str>,
    ) -> Result<Subscription, RequestError> {
        let topic = Topic::Pattern(Pattern::new(pattern.as_ref())?);
        subscription::listen(self, topic).await
    }

    /// Waits until all these objects are registered. Await the result; without a
    /// [`timeout`](WaitForObjects::timeout) it waits indefinitely.
    pub fn wait_for_objects<N: Into<String>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> WaitForObjects {
        WaitForObjects::new(self.clone(), names.into_iter().map(N::into).collect())
    }

    /// Where the server is; while there is no connection, where it was.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.shared().address()
    }

    /// The number that the server gave this connection; another one after each reconnect, none
    /// from a server of the seed system.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.shared().greeting().client
    }

    /// The server's name and version, such as `ipc-server/0.1.0`; none from a server of the seed
    /// system.
    #[must_use]
    pub fn server(&self) -> Option<String> {
        self.shared().greeting().server
    }

    /// Whether the server is one of the 2024 seed system.
    ///
    /// Towards such a server one request is outstanding at a time, events cannot be given up
    /// once listened to, patterns and registration modes other than the default are
    /// [`Unsupported`](RequestError::Unsupported), and timeouts are kept by this side alone.
    #[must_use]
    pub fn is_seed(&self) -> bool {
        self.shared().greeting().dialect == Dialect::Seed
    }

    /// Whether the connection stands at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        matches!(self.states().current(), ConnectionState::Connected)
    }

    /// The state of the connection, now and as it changes.
    #[must_use]
    pub fn states(&self) -> Watch<ConnectionState> {
        let states = self.shared().subscribe_states();
        Watch::new(states, ConnectionState::is_final)
    }

    /// The timeout of calls that do not say one themselves.
    #[must_use]
    pub fn call_timeout(&self) -> Option<Duration> {
        self.shared().config().call_timeout
    }

    /// Waits until the server has taken everything that was sent before: events sent [without
    /// confirmation](Emit::unconfirmed), names and subscriptions given back by dropping them,
    /// answers to calls.
    ///
    /// Those are queued and written in the background. A program that ends without flushing or
    /// [closing](Self::close) may end before that: when the runtime is dropped, as at the end of
    /// `main`, what is queued is written as far as the socket takes it at once, but nobody says
    /// whether it arrived; by [`std::process::exit`] and signals it is lost.
    ///
    /// A server of the seed system confirms no events; there, flushing waits until they are
    /// written to the socket.
    ///
    /// # Errors
    ///
    /// [`RequestError::Unconfirmed`] when a connection was lost, even if another one stands by
    /// now, with events on the way that no answer has confirmed: they may have arrived or not. It
    /// is told once. [`RequestError::Refused`] when the server has declined one of them, told once
    /// as well. [`RequestError::Timeout`] when the server has not answered within the
    /// [timeout](Self::call_timeout), [`RequestError::Disconnected`] when the connection was lost
    /// with nothing but answers to calls and the like on the way, [`RequestError::Closed`] when
    /// the client is closed.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing; what is queued is written all the same.
    pub async fn flush(&self) -> Result<(), RequestError> {
        self.take_failure()?;
        let flushed = if self.shared().with_core(|core| core.link == Link::Down) {
            // Nothing is on its way, and what comes next waits for a connection itself.
            Ok(())
        } else {
            let flush = ServerMethod::flush();
            let flushed = Exchange::new(self.clone(), flush, self.call_timeout());
            flushed.await.map(drop)
        };
        self.take_failure()?;
        flushed.map_err(|error| match error {
            // Not so much as the question whether everything has arrived.
            RequestError::NotSent => RequestError::Timeout,
            error => error,
        })
    }

    /// Closes the connection, for all clones, after everything that was sent before: as after
    /// [`flush`](Self::flush), the server has then taken it.
    ///
    /// Calls that are open end with [`CallError::Disconnected`](crate::CallError::Disconnected),
    /// handlers that run are aborted, subscriptions end after what they have buffered. All that
    /// takes 5 s at the most. To close a client that is closed is no error.
    ///
    /// # Errors
    ///
    /// The client is closed all the same. [`RequestError::Unconfirmed`] when events that were sent
    /// [without confirmation](Emit::unconfirmed) may have been lost and [`RequestError::Refused`]
    /// when one was declined, as for `flush`; [`RequestError::Timeout`] when the connection could
    /// not be closed in time, because the server takes nothing or the client's runtime stands
    /// still.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future does not stop the closing.
    pub async fn close(&self) -> Result<(), RequestError> {
        let shared = self.shared();
        shared.begin_close(true);
        let mut states = self.states();
        let is_closed = tokio::select! {
            biased;
            _ = states.wait_for(ConnectionState::is_final) => true,
            () = Alarm::at(shared, Instant::now() + CLOSE_TIMEOUT) => false,
        };
        if !is_closed {
            shared.end(None);
        }
        self.take_failure()?;
        if is_closed {
            Ok(())
        } else {
            Err(RequestError::Timeout)
        }
    }

    fn take_failure(&self) -> Result<(), RequestError> {
        self.shared()
            .with_core(|core| core.unconfirmed.take_failure())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("address", self.address())
            .field("state", &self.states().current())
            .field("is_running", &!self.handle.driver.is_finished())
            .finish_non_exhaustive()
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.shared.begin_close(false);
    }
}
