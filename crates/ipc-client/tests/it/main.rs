//! The client against a scripted server: what goes over the wire, and what applications see.
//!
//! Modules are named after properties. No test waits for time to pass, apart from those whose
//! subject is time.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod peer;

mod calls_end;
mod connecting;
mod events_are_counted;
mod flushing;
mod foreign_forms;
mod hostile_servers;
mod lists;
mod providers_answer;
mod reconnecting;
mod seed_dialect;
mod states;
mod waiting;
