//! The server as a value: built, bound, run, stopped.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use ipc_core::Limits;
use ipc_wire::Address;
use mio::{Poll, Waker};

use crate::{
    hub::{Hub, WAKE},
    listener::{self, BindError, Listener},
    polling::DEFAULT_WINDOW,
};

/// What a server is to be like.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    addresses: Vec<Address>,
    settings: Settings,
}

/// What the event loop has to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) busy_poll: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            busy_poll: DEFAULT_WINDOW,
        }
    }
}

impl Builder {
    /// Adds an address to listen on; without any, the server listens on [`default_addresses`](crate::default_addresses).
    #[must_use]
    pub fn listen(mut self, address: Address) -> Self {
        self.addresses.push(address);
        self
    }

    /// Sets what peers may use, and what one message may cost.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.settings.limits = limits;
        self
    }

    /// Sets how long the server looks for the next message without sleeping while messages follow
    /// each other closely; zero for never. On one core it never does.
    #[must_use]
    pub const fn busy_poll(mut self, window: Duration) -> Self {
        self.settings.busy_poll = window;
        self
    }

    /// Binds the addresses. Clients may connect from now on, and wait until the server runs.
    ///
    /// A host name may stand for several addresses; those that the machine does not have are left
    /// out with a warning. So are those of [`default_addresses`](crate::default_addresses), as long as one is left.
    ///
    /// # Errors
    ///
    /// [`BindError`] for the first address that cannot be listened on.
    pub fn bind(self) -> Result<Server, BindError> {
        let listeners = if self.addresses.is_empty() {
            listener::bind_defaults()?
        } else {
            listener::bind(&self.addresses)?
        };
        let addresses = listeners
            .iter()
            .map(|listener| listener.address.clone())
            .collect();
        let (hub, stopper) = make_hub(listeners, self.settings).map_err(BindError::EventQueue)?;
        Ok(Server {
            addresses,
            hub,
            stopper,
        })
    }
}

fn make_hub(listeners: Vec<Listener>, settings: Settings) -> io::Result<(Hub, Stopper)> {
    let poll = Poll::new()?;
    let waker = Arc::new(Waker::new(poll.registry(), WAKE)?);
    let stopper = Stopper {
        is_stopping: Arc::default(),
        waker,
    };
    let is_stopping = Arc::clone(&stopper.is_stopping);
    Ok((Hub::new(poll, listeners, settings, is_stopping)?, stopper))
}

/// A server that is bound and does not run yet.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<Address>,
    hub: Hub,
    stopper: Stopper,
}

impl Server {
    /// Begins to describe a server.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Where it listens, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What stops the server.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Runs the server in this thread until it is stopped.
    ///
    /// # Errors
    ///
    /// When the system's event queue fails.
    pub fn run(self) -> io::Result<()> {
        self.hub.run()
    }

    /// Runs the server in a thread of its own.
    ///
    /// # Errors
    ///
    /// When the system gives no thread.
    pub fn spawn(self) -> io::Result<Running> {
        let thread = std::thread::Builder::new().name("ipc-server".to_owned());
        let hub = self.hub;
        let thread = thread.spawn(move || hub.run())?;
        Ok(Running {
            addresses: self.addresses,
            stopper: self.stopper,
            thread: Some(thread),
        })
    }
}

/// Stops a server; may be used from any thread.
#[derive(Clone, Debug)]
pub struct Stopper {
    is_stopping: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Stopper {
    /// Tells the server to stop: it takes nothing new, tells its clients, lets calls in flight
    /// end (up to the limit for draining), and returns.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        if let Err(error) = self.waker.wake() {
            tracing::error!(%error, "the server cannot be woken to stop");
        }
    }
}

/// A server in a thread of its own, which is stopped and joined when this is dropped.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<Address>,
    stopper: Stopper,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where it listens, with the ports that the system chose.
    #[must_use]
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// What stops the server.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        self.stopper.clone()
    }

    /// Stops the server and waits until it has.
    ///
    /// # Errors
    ///
    /// What made the server end before it was stopped.
    pub fn stop(mut self) -> io::Result<()> {
        self.join()
    }

    fn join(&mut self) -> io::Result<()> {
        self.stopper.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        ended
            .unwrap_or(Ok(Ok(())))
            .unwrap_or_else(|_panic| Err(io::Error::other("the server's thread panicked")))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.thread.is_some()
            && let Err(error) = self.join()
        {
            tracing::error!(%error, "the server failed");
        }
    }
}
