//! Lists of the server, which come page by page.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    vec,
};

use futures_core::Stream;
use ipc_wire::Whole;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Number, Value};

use crate::{
    Client, ClientInfo, ObjectInfo, RawJson, RequestError, exchange::Exchange,
    outgoing::ServerMethod, pending::Answer,
};

/// The entries of a list of the server, made by [`Client::list_objects`] and
/// [`Client::list_clients`].
///
/// A stream that asks for a page when the one before is used up, so that it takes no more memory
/// than a page however long the list is. What is there all the time is listed once; what comes or
/// goes meanwhile is listed once or not at all. After an error it ends.
///
/// ```no_run
/// # async fn example(client: ipc_client::Client) -> Result<(), ipc_client::RequestError> {
/// let mut objects = client.list_objects();
/// while let Some(object) = objects.next().await {
///     println!("{}", object?.object);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "a list is read by taking its entries"]
pub struct Listing<T> {
    pages: Pages,
    entries: vec::IntoIter<T>,
}

/// Where the walk over the pages stands.
struct Pages {
    client: Client,
    method: ServerMethod,
    /// The parameter of the next request; `after` in it is where its page begins.
    param: Map<String, Value>,
    /// The request that is on its way.
    exchange: Option<Exchange>,
    has_ended: bool,
}

#[derive(Deserialize)]
struct Page<T> {
    #[serde(alias = "objects", alias = "clients")]
    entries: Vec<T>,
    next: Option<Value>,
}

impl<T: DeserializeOwned> Listing<T> {
    pub(crate) fn new(client: Client, method: ServerMethod) -> Self {
        let pages = Pages {
            client,
            method,
            param: Map::new(),
            exchange: None,
            has_ended: false,
        };
        Self {
            pages,
            entries: Vec::new().into_iter(),
        }
    }

    /// The next entry; `None` at the end of the list.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when a page cannot be had within the client's
    /// [timeout](crate::Builder::call_timeout).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next(&mut self) -> Option<Result<T, RequestError>> {
        poll_fn(|cx| self.poll_entry(cx)).await
    }

    /// The entries up to the end of the next page, of which there may be none; `None` at the end
    /// of the list.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    ///
    /// # Cancel safety
    ///
    /// Dropping the future loses nothing.
    pub async fn next_page(&mut self) -> Result<Option<Vec<T>>, RequestError> {
        if self.entries.len() == 0 {
            let page = poll_fn(|cx| self.pages.poll_page(cx)).await;
            return page.transpose();
        }
        Ok(Some(self.entries.by_ref().collect()))
    }

    /// All entries.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next).
    pub async fn collect(mut self) -> Result<Vec<T>, RequestError> {
        let mut all = Vec::new();
        while let Some(mut page) = self.next_page().await? {
            all.append(&mut page);
        }
        Ok(all)
    }

    /// The same entries as the server writes them.
    pub fn raw(self) -> Listing<RawJson> {
        Listing {
            pages: self.pages,
            entries: Vec::new().into_iter(),
        }
    }

    fn with(mut self, key: &str, value: Value) -> Self {
        self.pages.param.insert(key.to_owned(), value);
        self
    }

    fn poll_entry(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<T, RequestError>>> {
        loop {
            if let Some(entry) = self.entries.next() {
                return Poll::Ready(Some(Ok(entry)));
            }
            match ready!(self.pages.poll_page(cx)) {
                Some(Ok(page)) => self.entries = page.into_iter(),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Listing<ObjectInfo> {
    /// Lists only the objects that this client provides or stands by for.
    pub fn of_client(self, client: u64) -> Self {
        self.with("client", client.into())
    }
}

impl Listing<ClientInfo> {
    /// Lists only the clients that provide this object or stand by for it.
    pub fn of_object(self, object: impl AsRef<str>) -> Self {
        self.with("object", object.as_ref().into())
    }
}

impl Pages {
    /// Asks for the next page.
    fn poll_page<T: DeserializeOwned>(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Vec<T>, RequestError>>> {
        if self.has_ended {
            return Poll::Ready(None);
        }
        let exchange = self.exchange.get_or_insert_with(|| {
            let param = Value::Object(self.param.clone());
            let outgoing = self.method.call_with(&param.to_string());
            Exchange::new(self.client.clone(), outgoing, self.client.call_timeout())
        });
        let answer = ready!(Pin::new(exchange).poll(cx));
        self.exchange = None;
        let entries = answer.and_then(|answer| self.take_page(answer));
        self.has_ended |= entries.is_err();
        Poll::Ready(Some(entries))
    }

    fn take_page<T: DeserializeOwned>(&mut self, answer: Answer) -> Result<Vec<T>, RequestError> {
        let response = answer.into_response()?;
        let page: Page<T> = response.parse().map_err(RequestError::Decode)?;
        match page.next {
            None => self.has_ended = true,
            Some(next) if is_after(&next, self.param.get("after")) => {
                self.param.insert("after".to_owned(), next);
            }
            Some(_) => {
                let error = serde::de::Error::custom("the list does not go on");
                return Err(RequestError::Decode(error));
            }
        }
        Ok(page.entries)
    }
}

/// Returns whether a walk that goes on here comes to an end: a server could lead it in circles.
fn is_after(next: &Value, after: Option<&Value>) -> bool {
    match (next, after) {
        (Value::String(_) | Value::Number(_), None) => true,
        (Value::String(next), Some(Value::String(after))) => after < next,
        (Value::Number(next), Some(Value::Number(after))) => whole(after) < whole(next),
        _ => false,
    }
}

fn whole(number: &Number) -> Option<Whole> {
    Whole::from_json(number.to_string().as_bytes())
}

impl<T: DeserializeOwned + Unpin> Stream for Listing<T> {
    type Item = Result<T, RequestError>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_entry(cx)
    }
}

impl<T> fmt::Debug for Listing<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listing")
            .field("method", &self.pages.method)
            .field("param", &self.pages.param)
            .finish_non_exhaustive()
    }
}
