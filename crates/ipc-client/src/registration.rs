//! Providing an object: the request, and the handle whose end gives the name back.

use std::{
    fmt,
    future::{Future, IntoFuture},
    pin::Pin,
    sync::Arc,
};

use ipc_wire::{Mode, Name};
use serde::Serialize;
use tokio::sync::watch;

use crate::{
    Client, RawJson, RegistrationState, RequestError, Watch,
    exchange::Exchange,
    outgoing::{Outgoing, RegisterMessage, ServerMethod},
    serving::Serve,
};

/// A registration that is made when it is awaited, made by [`Client::register`].
///
/// # Errors
///
/// Awaiting ends with a [`RequestError`]: the name is none, the server declines (the code
/// `name_taken` says that somebody else has it), or cannot be reached in time.
///
/// # Cancel safety
///
/// Dropping the future gives the name back if it was registered.
#[must_use = "an object is registered when this is awaited"]
pub struct Register {
    client: Client,
    object: Result<Name, RequestError>,
    service: Arc<dyn Serve>,
    mode: Mode,
    interface: Option<RawJson>,
}

impl Register {
    pub(crate) fn new(client: Client, object: &str, service: Arc<dyn Serve>) -> Self {
        Self {
            client,
            object: Name::new(object).map_err(RequestError::InvalidName),
            service,
            mode: Mode::default(),
            interface: None,
        }
    }

    /// How the name is shared. Default: [`Mode::Exclusive`].
    pub const fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// Describes the object to those who ask the server: anything that is a JSON object, by
    /// convention its methods and events with texts and JSON Schemas.
    pub fn interface(mut self, interface: &(impl Serialize + ?Sized)) -> Self {
        match RawJson::new(interface) {
            Ok(interface) => self.interface = Some(interface),
            Err(error) => self.object = Err(RequestError::Encode(error)),
        }
        self
    }

    async fn register(self) -> Result<Registration, RequestError> {
        let object: Arc<str> = self.object?.as_str().into();
        let message = Arc::new(RegisterMessage::new(&object, self.mode, self.interface));
        let shared = Arc::clone(self.client.shared());
        let (serial, states) =
            shared.add_object(Arc::clone(&object), self.service, Arc::clone(&message))?;
        // From here on the registration's end takes the object out again.
        let registration = Registration {
            client: self.client.clone(),
            object,
            serial,
            states,
        };
        let timeout = self.client.call_timeout();
        let request = Exchange::new(self.client, Outgoing::Register(message), timeout);
        request.await?.into_success()?;
        shared.confirm_object(&registration.object, serial);
        Ok(registration)
    }
}

impl IntoFuture for Register {
    type Output = Result<Registration, RequestError>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.register())
    }
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("object", &self.object)
            .field("mode", &self.mode)
            .field("interface", &self.interface)
            .finish_non_exhaustive()
    }
}

/// An object that this client provides. Dropping it gives the name back; calls that run are
/// still answered.
///
/// The server is told in the background: [`unregister`](Self::unregister) or [`Client::flush`]
/// wait for that, and so for the answers to calls. The end of the connection does it, too.
#[must_use = "dropping a registration gives the name back"]
pub struct Registration {
    client: Client,
    object: Arc<str>,
    serial: u64,
    states: watch::Receiver<RegistrationState>,
}

impl Registration {
    /// The object's name.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// How the registration stands, now and as it changes.
    #[must_use]
    pub fn states(&self) -> Watch<RegistrationState> {
        Watch::new(self.states.clone(), RegistrationState::is_final)
    }

    /// Gives the name back and waits until the server has taken it. Calls that come before that
    /// are still answered.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server declines or cannot be reached; the object is not
    /// provided any more all the same. [`RequestError::Unsupported`] from a server of the seed
    /// system, which knows no way to give a name back.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future gives the name back without waiting.
    pub async fn unregister(self) -> Result<(), RequestError> {
        let outgoing = ServerMethod::Unregister.call(&self.object);
        let timeout = self.client.call_timeout();
        let answer = Exchange::new(self.client.clone(), outgoing, timeout).await?;
        answer.into_response().map(drop)
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registration")
            .field("object", &self.object)
            .field("state", &*self.states.borrow())
            .finish_non_exhaustive()
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.client
            .shared()
            .remove_object(&self.object, self.serial);
    }
}
