//! Calls through a client library, as an application makes them. The work `library` drives those
//! that are built in; a library with a program of its own, as zenoh's, is driven there.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Instant,
};

use anyhow::Context;
use tokio::{runtime::Runtime, task::LocalSet};

use crate::payload::{self, Shape};

pub use crate::load::{Budget, Tally};

/// The connections of a library to one broker.
pub trait Library {
    /// One call by this caller, its answer awaited.
    fn call(&self, caller: usize) -> impl Future<Output = anyhow::Result<()>>;
}

/// What calls carry, and what their answers repeat: a text of 64 bytes.
#[must_use]
pub fn payload() -> Vec<u8> {
    payload::payload(Shape::Text, 64)
}

/// Lets so many callers have so many calls in flight each, until the budget is spent. The load
/// begins when `begin` has returned.
///
/// # Errors
///
/// A call failed, or `begin` did.
pub fn drive(
    runtime: &Runtime,
    library: impl Library + 'static,
    (n_callers, in_flight): (usize, usize),
    budget: Budget,
    begin: impl FnOnce() -> anyhow::Result<()>,
) -> anyhow::Result<Tally> {
    let local = LocalSet::new();
    let library = Rc::new(library);
    local.block_on(runtime, async {
        // The first call sets up what is set up on first use.
        library.call(0).await?;
        begin()?;
        let start = Instant::now();
        let tally = Rc::new(RefCell::new(Tally::default()));
        let is_over = Rc::new(Cell::new(false));
        let mut tasks = Vec::new();
        for caller in 0..n_callers {
            for _ in 0..in_flight {
                let (library, tally) = (Rc::clone(&library), Rc::clone(&tally));
                let is_over = Rc::clone(&is_over);
                tasks.push(tokio::task::spawn_local(async move {
                    while !is_over.get() {
                        let sent = Instant::now();
                        tally.borrow_mut().n_called += 1;
                        library.call(caller).await?;
                        let now = Instant::now();
                        let mut tally = tally.borrow_mut();
                        tally.n_answered += 1;
                        let latency = u32::try_from((now - sent).as_nanos())?;
                        tally.latencies.push(latency);
                        let is_spent = budget.messages <= tally.n_called;
                        is_over.set(is_over.get() || is_spent || budget.time <= now - start);
                    }
                    anyhow::Ok(())
                }));
            }
        }
        for task in tasks {
            task.await.context("a caller failed")??;
        }
        let mut tally = tally.take();
        tally.elapsed = start.elapsed();
        Ok(tally)
    })
}
