//! What the tests of ipc-server are made of.
//!
//! A [`World`] is a broker with named peers and a clock that is moved by hand: no sockets, no
//! threads, no waiting. A [`Simulation`] lets random peers loose on a world and compares what
//! they are sent with a model that is too simple to be wrong. [`broker_ops`] does what a fuzzer
//! says.
#![expect(
    clippy::unwrap_used,
    reason = "a test's tools fail by panicking, where the test can see it"
)]

mod end;
mod ledger;
mod model;
mod ops;
mod prng;
mod simulation;
mod world;

pub use crate::{
    ops::broker_ops,
    prng::Prng,
    simulation::{Simulation, Weather},
    world::World,
};
