//! The Rust client of `ipc-server`, a message bus for the processes of one machine.
//!
//! A [`Client`] is one connection, cheap to clone. Through it an application calls
//! [objects](Client::object), [provides](Client::register) objects of its own,
//! [emits](Client::emit) events and [listens](Client::listen) to them. It connects again by
//! itself and restores what was registered and listened to.
//!
//! ```no_run
//! use ipc_client::{Client, Methods};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect().await?;
//!
//! let calc = Methods::new().on("add", |(a, b): (i64, i64)| async move { Ok(a + b) });
//! let registration = client.register("calc", calc).await?;
//!
//! let sum: i64 = client.object("calc").call("add", &(1, 2)).await?;
//! assert_eq!(sum, 3);
//!
//! let mut temperatures = client.listen("temp").await?;
//! client.emit("temp", &21.5).await?;
//! if let Some(event) = temperatures.recv().await {
//!     let celsius: f64 = event?.parse()?;
//!     assert_eq!(celsius, 21.5);
//! }
//!
//! registration.unregister().await?;
//! client.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - A call ends with its response or with a [`CallError`]; it never hangs longer than its
//!   timeout. Nothing repeats a call that may have been carried out:
//!   [`CallError::is_outcome_unknown`] tells when that is so.
//! - A call made while there is no connection waits for one, within its own timeout. If it was
//!   never written it ends with [`CallError::NotSent`].
//! - A request also ends when the runtime that the client was made in is gone, or stands still.
//! - Dropping the future of a call cancels the call.
//! - What is sent without an answer has arrived when [`Client::flush`] or [`Client::close`] says so.
//! - Events are delivered at most once, in order. What is missed is said: [`Lagged`].
//! - Every queue is bounded; callers wait instead of filling memory.
//!
//! Programs without async have the same in [`blocking`].
//!
//! Servers of the 2024 seed system are spoken to in their dialect: see [`Client::is_seed`].

mod address;
mod alarm;
mod answering;
pub mod blocking;
mod builder;
mod call;
mod client;
mod connect;
mod core;
mod deadlines;
mod dispatch;
mod driver;
mod emit;
mod error;
mod exchange;
mod feed;
mod greeting;
mod incoming;
mod json;
mod listing;
mod objects;
mod outbox;
mod outgoing;
mod pending;
mod provider;
mod reader;
mod registration;
mod restore;
mod server;
mod serving;
mod shared;
mod state;
mod subscription;
mod subscriptions;
mod unconfirmed;
mod wait;
mod writing;

pub use ipc_wire::{
    Address, Code, Fault, InvalidAddress, InvalidName, InvalidPattern, Mode, Pattern, WrongEncoding,
};

pub use crate::{
    address::default_addresses,
    builder::{Builder, Reconnect},
    call::{Call, CallFuture, Object, RawCall, RawCallFuture},
    client::Client,
    emit::{Emit, EmitFuture},
    error::{
        AddressError, CallError, ConnectError, DisconnectReason, InsideRuntime, RequestError,
        WaitError,
    },
    feed::{Event, Lagged},
    json::RawJson,
    listing::Listing,
    provider::{Methods, ObjectError, ParamError, Provider, Request, Response},
    registration::{Register, Registration},
    server::{ClientInfo, ObjectDescription, ObjectInfo, Peer},
    state::{ConnectionState, RegistrationState, Watch},
    subscription::Subscription,
    wait::WaitForObjects,
};

/// The README's Rust compiles, and its server in three lines runs.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
