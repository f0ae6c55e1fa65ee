//! The handle that blocking applications hold.

use std::{fmt, future::Future, panic::resume_unwind, sync::Arc, time::Duration};

use serde::Serialize;

use super::{
    engine::{Engine, check_thread, run_handler},
    listing::Listing,
    request::{Object, Register, Request},
    subscription::Subscription,
};
use crate::{
    Address, Builder, ClientInfo, ConnectError, ConnectionState, Emit, InsideRuntime,
    ObjectDescription, ObjectError, ObjectInfo, Provider, RequestError, Response, WaitForObjects,
};

/// How long the last handle waits, when it is dropped, for what is not written yet: long enough
/// for a server that reads, short enough for a destructor.
const DROP_TIMEOUT: Duration = Duration::from_secs(1);

/// One connection to the server, shared by all clones and by all threads that have one.
///
/// Like the async [`Client`](crate::Client), whose documentation says more about each request.
#[derive(Clone)]
pub struct Client {
    handle: Arc<Handle>,
}

/// What all clones share; its end is the end of the connection.
struct Handle {
    client: crate::Client,
    engine: Arc<Engine>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        let shared = self.client.shared();
        shared.begin_close(false);
        self.engine.end();
        if shared.with_core(|core| core.has_unwritten()) {
            let closing = self.client.close();
            let closed = async { tokio::time::timeout(DROP_TIMEOUT, closing).await };
            // Within async code, or where that took too long, it goes on in the background.
            drop(self.engine.wait(shared, closed));
        }
    }
}

/// Connects as the builder says.
pub(crate) fn connect(builder: Builder) -> Result<Client, ConnectError> {
    check_thread()?;
    let no_resources = |source| ConnectError::NoResources {
        source: Arc::new(source),
    };
    let engine = Arc::new(Engine::new().map_err(no_resources)?);
    let client = engine.run(builder.connect())?;
    engine
        .start_keeper(Arc::clone(client.shared()))
        .map_err(no_resources)?;
    let handle = Arc::new(Handle { client, engine });
    Ok(Client { handle })
}

impl Client {
    /// Connects to the server at the first of the [default addresses](crate::default_addresses)
    /// that answers; elsewhere with [`Builder::connect_blocking`].
    ///
    /// # Errors
    ///
    /// [`ConnectError`]; the first connection is attempted once.
    pub fn connect() -> Result<Self, ConnectError> {
        connect(Builder::new())
    }

    /// The object of this name, whether it is registered now or not.
    #[must_use]
    pub fn object(&self, name: impl AsRef<str>) -> Object {
        Object::new(self.clone(), self.handle.client.object(name))
    }

    /// Provides an object whose handlers never block: they run in the thread that drives the
    /// connection.
    pub fn register<P: Provider>(&self, object: impl AsRef<str>, provider: P) -> Register {
        let register = self.handle.client.register(object, provider);
        Register::new(self.clone(), register)
    }

    /// Provides an object through a closure that answers every call in a thread for blocking
    /// work, and so may take its time and may use a client, this one included.
    ///
    /// Such a call changes threads twice. When it is cancelled, the closure goes on, and what it
    /// returns is dropped.
    ///
    /// ```no_run
    /// # fn example(client: ipc_client::blocking::Client) -> Result<(), ipc_client::RequestError> {
    /// use ipc_client::Response;
    ///
    /// let echo = client
    ///     .register_fn("echo", |request| Response::new(&request.raw_param()))
    ///     .wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn register_fn<F>(&self, object: impl AsRef<str>, answer: F) -> Register
    where
        F: Fn(crate::Request) -> Result<Response, ObjectError> + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        self.register(object, move |request| {
            let answer = Arc::clone(&answer);
            async move {
                let answering =
                    tokio::task::spawn_blocking(move || run_handler(|| answer(request)));
                match answering.await {
                    Ok(outcome) => outcome,
                    // Answered as a panic of any other handler.
                    Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
                    Err(error) => Err(ObjectError::text(error)),
                }
            }
        })
    }

    /// Sends an event to everyone who listens to it at this moment.
    pub fn emit<T: Serialize + ?Sized>(&self, event: impl AsRef<str>, value: &T) -> Request<Emit> {
        Request::new(self.clone(), self.handle.client.emit(event, value))
    }

    /// Listens to the event of exactly this name.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the name is none, or the server declines or cannot be reached.
    pub fn listen(&self, event: impl AsRef<str>) -> Result<Subscription, RequestError> {
        let inner = self.wait(self.handle.client.listen(event))??;
        Ok(Subscription::new(self.clone(), inner))
    }

    /// Listens to all events whose names match: dots separate tokens, `*` is one token, `>` is
    /// the rest.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the pattern is none, or the server declines, cannot be reached, or
    /// is too old for patterns.
    pub fn listen_pattern(&self, pattern: impl AsRef<str>) -> Result<Subscription, RequestError> {
        let inner = self.wait(self.handle.client.listen_pattern(pattern))??;
        Ok(Subscription::new(self.clone(), inner))
    }

    /// Waits until all these objects are registered; without a
    /// [`timeout`](Request::<WaitForObjects>::timeout) for ever.
    pub fn wait_for_objects<N: Into<String>>(
        &self,
        names: impl IntoIterator<Item = N>,
    ) -> Request<WaitForObjects> {
        let request = self.handle.client.wait_for_objects(names);
        Request::new(self.clone(), request)
    }

    /// How long the way to the server and back takes.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server cannot be reached.
    pub fn ping(&self) -> Result<Duration, RequestError> {
        self.wait(self.handle.client.ping())?
    }

    /// All registered objects, by name. There may be a great many:
    /// [`list_objects`](Self::list_objects) takes them page by page.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server declines or cannot be reached.
    pub fn objects(&self) -> Result<Vec<ObjectInfo>, RequestError> {
        self.wait(self.handle.client.objects())?
    }

    /// The registered objects, by name, page by page.
    pub fn list_objects(&self) -> Listing<ObjectInfo> {
        Listing::new(self.clone(), self.handle.client.list_objects())
    }

    /// One registered object and what its provider says about it.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] with the code `object_not_found` when it is not registered, or
    /// another when the server cannot be reached.
    pub fn describe(&self, object: impl AsRef<str>) -> Result<ObjectDescription, RequestError> {
        self.wait(self.handle.client.describe(object))?
    }

    /// All connections of the server, by number. There may be a great many:
    /// [`list_clients`](Self::list_clients) takes them page by page.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server declines or cannot be reached.
    pub fn clients(&self) -> Result<Vec<ClientInfo>, RequestError> {
        self.wait(self.handle.client.clients())?
    }

    /// The server's connections, by number, page by page.
    pub fn list_clients(&self) -> Listing<ClientInfo> {
        Listing::new(self.clone(), self.handle.client.list_clients())
    }

    /// The server's figures: numbers and texts by name.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server declines or cannot be reached.
    pub fn stats(&self) -> Result<serde_json::Map<String, serde_json::Value>, RequestError> {
        self.wait(self.handle.client.stats())?
    }

    /// Where the server is; while there is no connection, where it was.
    #[must_use]
    pub fn address(&self) -> &Address {
        self.handle.client.address()
    }

    /// The number that the server gave this connection; none from a server of the seed system.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        self.handle.client.id()
    }

    /// The server's name and version; none from a server of the seed system.
    #[must_use]
    pub fn server(&self) -> Option<String> {
        self.handle.client.server()
    }

    /// Whether the server is one of the 2024 seed system.
    #[must_use]
    pub fn is_seed(&self) -> bool {
        self.handle.client.is_seed()
    }

    /// Whether the connection stands at this moment.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.handle.client.is_connected()
    }

    /// The state of the connection at this moment.
    #[must_use]
    pub fn state(&self) -> ConnectionState {
        self.handle.client.states().current()
    }

    /// Waits until the server has taken everything that was sent before, such as events sent
    /// [without confirmation](Request::<Emit>::unconfirmed).
    ///
    /// # Errors
    ///
    /// As the async client's [`flush`](crate::Client::flush): [`RequestError::Unconfirmed`] when a
    /// connection was lost with such events on the way.
    pub fn flush(&self) -> Result<(), RequestError> {
        self.wait(self.handle.client.flush())?
    }

    /// Closes the connection, for all clones, after everything that was sent before, and returns
    /// when that is done, within 5 s.
    ///
    /// # Errors
    ///
    /// As the async client's [`close`](crate::Client::close); within async code
    /// [`RequestError::InsideRuntime`], while the connection is closed in the background.
    pub fn close(&self) -> Result<(), RequestError> {
        self.handle.client.shared().begin_close(true);
        self.wait(self.handle.client.close())?
    }

    /// Waits in this thread.
    pub(crate) fn wait<F: Future>(&self, future: F) -> Result<F::Output, InsideRuntime> {
        self.handle.engine.wait(self.handle.client.shared(), future)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.client.fmt(f)
    }
}
