//! Lists of the server, entry by entry.

use serde::de::DeserializeOwned;

use super::Client;
use crate::{ClientInfo, ObjectInfo, RawJson, RequestError};

/// The entries of a list of the server, made by [`Client::list_objects`] and
/// [`Client::list_clients`].
///
/// An iterator that asks for a page when the one before is used up; otherwise like the async
/// [`Listing`](crate::Listing). Within async code it yields [`RequestError::InsideRuntime`] and
/// ends.
///
/// ```no_run
/// # fn example(client: ipc_client::blocking::Client) -> Result<(), ipc_client::RequestError> {
/// for object in client.list_objects() {
///     println!("{}", object?.object);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a list is read by taking its entries"]
pub struct Listing<T> {
    client: Client,
    /// `None` after waiting has failed.
    inner: Option<crate::Listing<T>>,
}

impl<T: DeserializeOwned> Listing<T> {
    pub(crate) const fn new(client: Client, inner: crate::Listing<T>) -> Self {
        Self {
            client,
            inner: Some(inner),
        }
    }

    /// The same entries as the server writes them.
    pub fn raw(self) -> Listing<RawJson> {
        Listing {
            client: self.client,
            inner: self.inner.map(crate::Listing::raw),
        }
    }
}

impl Listing<ObjectInfo> {
    /// Lists only the objects that this client provides or stands by for.
    pub fn of_client(self, client: u64) -> Self {
        Self {
            client: self.client,
            inner: self.inner.map(|inner| inner.of_client(client)),
        }
    }
}

impl Listing<ClientInfo> {
    /// Lists only the clients that provide this object or stand by for it.
    pub fn of_object(self, object: impl AsRef<str>) -> Self {
        Self {
            client: self.client,
            inner: self.inner.map(|inner| inner.of_object(object)),
        }
    }
}

impl<T: DeserializeOwned> Iterator for Listing<T> {
    type Item = Result<T, RequestError>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.inner.as_mut()?.next();
        match self.client.wait(next) {
            Ok(entry) => entry,
            Err(error) => {
                self.inner = None;
                Some(Err(error.into()))
            }
        }
    }
}
