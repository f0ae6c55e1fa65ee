//! The broker as a pure state machine: what the messages mean.
//!
//! A shell (the server, or a test) tells the [`Broker`] what happened through [`Broker::handle`],
//! then drains [`Broker::poll_output`] until it is empty. The broker encodes what it has to say
//! into one [`Outbox`] per session; the shell writes the outboxes to the sockets and reports with
//! [`Input::Written`] how far it came. Because the broker owns the queues, it alone decides what
//! happens when one is full, and every byte is accounted for.
//!
//! There is no I/O and no clock here: time arrives as an argument. The same inputs give the same
//! outputs in the same order, so a failing run can be replayed.
#![warn(
    clippy::iter_over_hash_type,
    clippy::wildcard_enum_match_arm,
    clippy::indexing_slicing
)]

mod broadcast;
mod broker;
mod buffers;
mod calls;
mod deadlines;
mod in_flight;
mod io;
mod limits;
mod listeners;
mod names;
mod outbox;
mod refusal;
mod registry;
mod session;
mod sessions;
mod stats;
mod subscriptions;
mod waits;

pub use crate::{
    broker::Broker,
    io::{CloseReason, Input, Output, Peer, SessionId},
    limits::Limits,
    outbox::Outbox,
    refusal::Refusal,
    stats::Stats,
};
