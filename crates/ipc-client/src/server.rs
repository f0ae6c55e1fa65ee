//! Asking the server itself: the object `ipc`.

use std::time::Duration;

use ipc_wire::Whole;
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Error},
};
use tokio::time::Instant;

use crate::{
    Client, Listing, RawJson, RequestError,
    exchange::Exchange,
    outgoing::{Outgoing, ServerMethod},
};

/// A connection, as others see it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
#[non_exhaustive]
pub struct Peer {
    /// The number that the server gave it.
    #[serde(deserialize_with = "whole")]
    pub client: u64,
    /// What it calls itself.
    pub name: Option<String>,
}

/// A registered object.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
#[non_exhaustive]
pub struct ObjectInfo {
    /// Its name.
    pub object: String,
    /// How its name is shared: `exclusive`, `replace`, `queue` or `shared`.
    pub mode: String,
    /// Who answers its calls: the first of them.
    pub providers: Vec<Peer>,
    /// How many others do; [`Client::list_clients`] finds them.
    #[serde(deserialize_with = "whole")]
    pub more_providers: u64,
    /// Who stands by: the first of them.
    pub standby: Vec<Peer>,
    /// How many others do.
    #[serde(deserialize_with = "whole")]
    pub more_standby: u64,
}

/// A registered object with its own description.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ObjectDescription {
    /// Its name.
    pub object: String,
    /// How its name is shared: `exclusive`, `replace`, `queue` or `shared`.
    pub mode: String,
    /// Who answers its calls: the first of them.
    pub providers: Vec<Peer>,
    /// How many others do; [`Client::list_clients`] finds them.
    #[serde(deserialize_with = "whole")]
    pub more_providers: u64,
    /// Who stands by: the first of them.
    pub standby: Vec<Peer>,
    /// How many others do.
    #[serde(deserialize_with = "whole")]
    pub more_standby: u64,
    /// What its provider says about it: a JSON object.
    pub interface: Option<RawJson>,
}

/// A connection and what it does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(default)]
#[non_exhaustive]
pub struct ClientInfo {
    /// The number that the server gave it.
    #[serde(deserialize_with = "whole")]
    pub client: u64,
    /// What it calls itself.
    pub name: Option<String>,
    /// How it speaks: `seed` or `lines`.
    pub dialect: String,
    /// Where it comes from.
    pub address: String,
    /// Its process, where the system tells.
    #[serde(deserialize_with = "small_whole")]
    pub pid: Option<u32>,
    /// Its user, where the system tells.
    #[serde(deserialize_with = "small_whole")]
    pub uid: Option<u32>,
    /// The objects that it provides or stands by for: the first of them, by name.
    pub objects: Vec<String>,
    /// How many others there are; [`Client::list_objects`] finds them.
    #[serde(deserialize_with = "whole")]
    pub more_objects: u64,
    /// How many events and patterns it listens to.
    #[serde(deserialize_with = "whole")]
    pub subscriptions: u64,
    /// How many of its own calls are open.
    #[serde(deserialize_with = "whole")]
    pub calls_out: u64,
    /// How many calls to it are open.
    #[serde(deserialize_with = "whole")]
    pub calls_in: u64,
    /// How many bytes wait to be written to it.
    #[serde(deserialize_with = "whole")]
    pub queued_bytes: u64,
    /// How many events it missed because it was slow.
    #[serde(deserialize_with = "whole")]
    pub events_dropped: u64,
}

/// Questions to the server itself.
///
/// Each ends with a [`RequestError`] when the server declines or cannot be reached, and with
/// [`RequestError::Unsupported`] from a server of the seed system, apart from
/// [`ping`](Self::ping). Dropping their futures is safe.
impl Client {
    /// How long the way to the server and back takes.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the server cannot be reached.
    pub async fn ping(&self) -> Result<Duration, RequestError> {
        let start = Instant::now();
        let outgoing = ServerMethod::Ping.call_without_param();
        // Whatever the answer is, it came.
        Exchange::new(self.clone(), outgoing, self.call_timeout()).await?;
        Ok(start.elapsed())
    }

    /// All registered objects, by name. There may be a great many:
    /// [`list_objects`](Self::list_objects) takes them page by page.
    ///
    /// # Errors
    ///
    /// See [above](#impl-Client).
    pub async fn objects(&self) -> Result<Vec<ObjectInfo>, RequestError> {
        self.list_objects().collect().await
    }

    /// The registered objects, by name, page by page.
    pub fn list_objects(&self) -> Listing<ObjectInfo> {
        Listing::new(self.clone(), ServerMethod::Objects)
    }

    /// One registered object and what its provider says about it.
    ///
    /// # Errors
    ///
    /// [`RequestError::Refused`] with the code `object_not_found` when it is not registered; and
    /// see [above](#impl-Client).
    pub async fn describe(
        &self,
        object: impl AsRef<str>,
    ) -> Result<ObjectDescription, RequestError> {
        self.ask(ServerMethod::Describe.call(object.as_ref())).await
    }

    /// All connections of the server, by number. There may be a great many:
    /// [`list_clients`](Self::list_clients) takes them page by page.
    ///
    /// # Errors
    ///
    /// See [above](#impl-Client).
    pub async fn clients(&self) -> Result<Vec<ClientInfo>, RequestError> {
        self.list_clients().collect().await
    }

    /// The server's connections, by number, page by page.
    pub fn list_clients(&self) -> Listing<ClientInfo> {
        Listing::new(self.clone(), ServerMethod::Clients)
    }

    /// The server's figures: numbers and texts by name.
    ///
    /// # Errors
    ///
    /// See [above](#impl-Client).
    pub async fn stats(&self) -> Result<serde_json::Map<String, serde_json::Value>, RequestError> {
        self.ask(ServerMethod::Stats.call_without_param()).await
    }

    async fn ask<T: DeserializeOwned>(&self, outgoing: Outgoing) -> Result<T, RequestError> {
        let answer = Exchange::new(self.clone(), outgoing, self.call_timeout()).await?;
        answer
            .into_response()?
            .parse()
            .map_err(RequestError::Decode)
    }
}

/// A number that the server says, in any form of a whole number.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Whole::deserialize(deserializer).map(|number| number.0)
}

/// The same of one that it may not know.
fn small_whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    let number = Option::<Whole>::deserialize(deserializer)?;
    let number = number.map(|number| u32::try_from(number.0)).transpose();
    number.map_err(D::Error::custom)
}
