//! The client for programs without async: the same, but every request waits in the thread that
//! makes it.
//!
//! ```no_run
//! use ipc_client::{Methods, blocking::Client};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::connect()?;
//!
//! let calc = Methods::new().on("add", |(a, b): (i64, i64)| async move { Ok(a + b) });
//! let registration = client.register("calc", calc).wait()?;
//!
//! let sum: i64 = client.object("calc").call("add", &(1, 2)).wait()?;
//! assert_eq!(sum, 3);
//!
//! let mut temperatures = client.listen("temp")?;
//! client.emit("temp", &21.5).wait()?;
//! if let Some(event) = temperatures.next() {
//!     let celsius: f64 = event?.parse()?;
//!     assert_eq!(celsius, 21.5);
//! }
//!
//! registration.unregister()?;
//! client.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What runs where
//!
//! A thread that waits for an answer or an event drives the connection itself meanwhile, so that
//! a call costs no change of threads and is as fast as one of the async client. Several threads
//! may wait at once; one of them drives for all. While nobody waits, a thread of the client's own
//! does: it reconnects, receives events, has objects served. It comes in 5 ms after the last
//! wait, and sleeps in the system while nothing happens.
//!
//! The handlers of [`register`](Client::register) run in the thread that drives, and so must not
//! block; those of [`register_fn`](Client::register_fn) have threads of their own, may block and
//! may use the client.
//!
//! # Timeouts and ends
//!
//! A request ends at its timeout, and is otherwise not interrupted: there is no future that could
//! be dropped. To wait for a limited time for events there is
//! [`Subscription::recv_timeout`].
//!
//! What is sent without confirmation is written in the background: [`Client::flush`] waits until
//! the server has taken it, and [`Client::close`] does so before it closes the connection. Dropping
//! the last handle closes it as well; where something is not written yet, dropping waits for that,
//! but for 1 s at the most, not within async code, and without saying whether it arrived.
//!
//! # Not within async code
//!
//! Waiting would hold up all tasks of the thread. Within a tokio runtime, its threads for blocking
//! work included, every request ends with [`InsideRuntime`](crate::InsideRuntime) as its error;
//! the async [`Client`](crate::Client) is for there.

mod client;
mod engine;
mod listing;
mod request;
mod subscription;

pub(crate) use self::client::connect;
pub use self::{
    client::Client,
    listing::Listing,
    request::{Object, Register, Registration, Request},
    subscription::{RecvTimeoutError, Subscription},
};
