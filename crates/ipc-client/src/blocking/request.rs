//! Requests that are made when they are waited for.

use std::{future::IntoFuture, time::Duration};

use serde::Serialize;

use super::Client;
use crate::{
    Call, Emit, InsideRuntime, Mode, RawCall, RawJson, RegistrationState, RequestError,
    WaitForObjects,
};

/// An object that can be called, made by [`Client::object`].
#[derive(Clone, Debug)]
pub struct Object {
    client: Client,
    inner: crate::Object,
}

impl Object {
    pub(crate) const fn new(client: Client, inner: crate::Object) -> Self {
        Self { client, inner }
    }

    /// Calls a method with an argument; the type of the result is what the response is read as.
    ///
    /// ```no_run
    /// # fn example(client: ipc_client::blocking::Client) -> Result<(), ipc_client::CallError> {
    /// use std::time::Duration;
    ///
    /// let calc = client.object("calc");
    /// let sum: i64 = calc.call("add", &(1, 2)).wait()?;
    /// let root = calc
    ///     .call::<f64>("sqrt", &sum)
    ///     .timeout(Duration::from_secs(1))
    ///     .wait()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<T>(&self, method: &str, param: &(impl Serialize + ?Sized)) -> Request<Call<T>> {
        Request::new(self.client.clone(), self.inner.call(method, param))
    }

    /// Calls a method without an argument.
    pub fn call_without_param<T>(&self, method: &str) -> Request<Call<T>> {
        let call = self.inner.call_without_param(method);
        Request::new(self.client.clone(), call)
    }

    /// Calls a method with JSON text as it is, or without an argument, and returns the
    /// response's text.
    pub fn call_raw(&self, method: &str, param: Option<RawJson>) -> Request<RawCall> {
        let call = self.inner.call_raw(method, param);
        Request::new(self.client.clone(), call)
    }
}

/// A request of a blocking client, made when it is [waited for](Self::wait).
#[derive(Debug)]
#[must_use = "a request is made when it is waited for"]
pub struct Request<R> {
    client: Client,
    inner: R,
}

impl<R> Request<R> {
    pub(crate) const fn new(client: Client, inner: R) -> Self {
        Self { client, inner }
    }

    /// Makes the request and waits for its answer.
    ///
    /// # Errors
    ///
    /// Those of the same request of the async client, and [`InsideRuntime`] as one of them.
    pub fn wait<T, E>(self) -> Result<T, E>
    where
        R: IntoFuture<Output = Result<T, E>>,
        E: From<InsideRuntime>,
    {
        self.client.wait(self.inner.into_future())?
    }

    fn map(self, change: impl FnOnce(R) -> R) -> Self {
        Self {
            client: self.client,
            inner: change(self.inner),
        }
    }
}

impl<T> Request<Call<T>> {
    /// How long the call may take, from when it is waited for.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|call| call.timeout(timeout))
    }

    /// Lets the call take as long as it takes.
    pub fn no_timeout(self) -> Self {
        self.map(Call::no_timeout)
    }

    /// What rides along: anything that is a JSON object.
    pub fn headers(self, headers: &(impl Serialize + ?Sized)) -> Self {
        self.map(|call| call.headers(headers))
    }
}

impl Request<RawCall> {
    /// How long the call may take, from when it is waited for.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|call| call.timeout(timeout))
    }

    /// Lets the call take as long as it takes.
    pub fn no_timeout(self) -> Self {
        self.map(RawCall::no_timeout)
    }

    /// What rides along: anything that is a JSON object.
    pub fn headers(self, headers: &(impl Serialize + ?Sized)) -> Self {
        self.map(|call| call.headers(headers))
    }
}

impl Request<Emit> {
    /// Asks for no answer: waiting ends with 0 as soon as the event is queued. [`Client::flush`]
    /// and [`Client::close`] wait until the server has taken all such events.
    pub fn unconfirmed(self) -> Self {
        self.map(Emit::unconfirmed)
    }

    /// How long sending may take.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|emit| emit.timeout(timeout))
    }
}

impl Request<WaitForObjects> {
    /// How long to wait at the most; zero only looks.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.map(|wait| wait.timeout(timeout))
    }
}

/// A registration that is made when it is waited for, made by [`Client::register`].
#[derive(Debug)]
#[must_use = "an object is registered when this is waited for"]
pub struct Register {
    client: Client,
    inner: crate::Register,
}

impl Register {
    pub(crate) const fn new(client: Client, inner: crate::Register) -> Self {
        Self { client, inner }
    }

    /// How the name is shared. Default: [`Mode::Exclusive`].
    pub fn mode(mut self, mode: Mode) -> Self {
        self.inner = self.inner.mode(mode);
        self
    }

    /// Describes the object to those who ask the server: anything that is a JSON object.
    pub fn interface(mut self, interface: &(impl Serialize + ?Sized)) -> Self {
        self.inner = self.inner.interface(interface);
        self
    }

    /// Registers the object.
    ///
    /// # Errors
    ///
    /// As [`crate::Register`].
    pub fn wait(self) -> Result<Registration, RequestError> {
        let inner = self.client.wait(self.inner.into_future())??;
        let client = self.client;
        Ok(Registration { inner, client })
    }
}

/// An object that this client provides. Dropping it gives the name back; calls that run are
/// still answered.
#[derive(Debug)]
#[must_use = "dropping a registration gives the name back"]
pub struct Registration {
    // Dropped first, while there is a connection to say it on.
    inner: crate::Registration,
    client: Client,
}

impl Registration {
    /// The object's name.
    #[must_use]
    pub fn object(&self) -> &str {
        self.inner.object()
    }

    /// How the registration stands at this moment.
    #[must_use]
    pub fn state(&self) -> RegistrationState {
        self.inner.states().current()
    }

    /// Waits until the registration has ended, because the client was closed.
    ///
    /// # Errors
    ///
    /// [`RequestError::InsideRuntime`] within async code.
    pub fn wait_until_ended(&self) -> Result<(), RequestError> {
        let mut states = self.inner.states();
        let ended = states.wait_for(|state| *state == RegistrationState::Ended);
        self.client.wait(ended)?;
        Ok(())
    }

    /// Gives the name back and waits until the server has taken it.
    ///
    /// # Errors
    ///
    /// As [`crate::Registration::unregister`].
    pub fn unregister(self) -> Result<(), RequestError> {
        self.client.wait(self.inner.unregister())?
    }
}
