//! The real server over real sockets, with real processes around it.

#![expect(clippy::unwrap_used, reason = "what fails in a test fails the test")]

#[cfg(unix)]
mod addresses;
mod bad_input;
mod closing;
mod crashes;
mod embedding;
mod harness;
mod ignored_signals;
mod isolation;
mod limits;
mod lines_dialect;
mod log_volume;
mod pauses;
mod process;
mod protocol_document;
mod refused;
mod seed_dialect;
#[cfg(unix)]
mod socket_ownership;
mod terminals;
#[cfg(unix)]
mod unix_sockets;
mod unread_output;
