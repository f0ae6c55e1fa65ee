//! The message bus for the processes of one machine: sockets around the broker of `ipc-core`.
//!
//! A program embeds a server in three lines:
//!
//! ```
//! let server = ipc_server::Server::builder().listen("tcp://127.0.0.1:0".parse()?).bind()?;
//! let address = server.addresses()[0].clone();
//! let running = server.spawn()?;
//! # drop((address, running));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! One thread owns the broker and every socket. A turn of its loop reads a chunk from each
//! connection that has something, handles every message in it, and at its end writes each outbox
//! that has got something once: see [`hub`](self) in `hub.rs`, and `docs/architecture.md`.

mod connection;
mod hub;
mod incidents;
mod listener;
mod polling;
mod server;
mod stream;

pub use ipc_core::{Limits, Stats};
pub use ipc_wire::Address;

pub use crate::{
    listener::{BindError, default_addresses},
    server::{Builder, Running, Server, Stopper},
};

/// What the server calls itself in `hello`.
pub const SERVER_NAME: &str = concat!("ipc-server/", env!("CARGO_PKG_VERSION"));
