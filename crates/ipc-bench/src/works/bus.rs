//! The everyday works: one call at a time, many at a time, events to many.

use super::{Run, Scenario, rounds::measure};
use crate::{
    payload::{Shape, payload, size},
    peers::{Peer, Spec},
};

/// Bytes that may be on their way to a provider: no broker's queues overflow.
const MAX_BYTES_IN_FLIGHT: usize = 4 << 20;

/// Bytes of events that may be on their way to one listener.
const MAX_BYTES_EMITTED: usize = 256 << 10;

/// Bytes of events that may be on their way to all listeners: a quarter of what ours queues for
/// all connections together before it closes one.
const MAX_BYTES_OWED: usize = 64 << 20;

/// Events of any size that may be.
const MAX_EMITTED: usize = 256;

/// One caller, one call in flight.
pub(crate) fn latency(run: &mut Run) -> anyhow::Result<()> {
    let started = run.start(Spec::has_calls);
    let peers: Vec<&Peer> = started.iter().collect();
    for (shape, n_bytes) in payloads(run.effort.is_quick) {
        let scenario = Scenario::calls(1, 1, payload(shape, n_bytes));
        let load = format!("{} {shape}", size(n_bytes));
        measure(run, &peers, ("latency", &load), &scenario)?;
    }
    Ok(())
}

/// One caller and sixteen, each with many calls in flight: as many as fit into the queues.
pub(crate) fn calls(run: &mut Run) -> anyhow::Result<()> {
    let started = run.start(Spec::has_calls);
    let peers: Vec<&Peer> = started.iter().collect();
    for (shape, n_bytes) in payloads(run.effort.is_quick) {
        let n_fitting = MAX_BYTES_IN_FLIGHT / n_bytes;
        for (n_callers, in_flight) in [(1, 64), (16, 16)] {
            let n_callers = n_fitting.min(n_callers);
            let in_flight = in_flight.min(n_fitting / n_callers);
            let in_flight = u32::try_from(in_flight)?;
            let scenario = Scenario::calls(n_callers, in_flight, payload(shape, n_bytes));
            let load = format!("{n_callers}×{in_flight}, {} {shape}", size(n_bytes));
            measure(run, &peers, ("calls", &load), &scenario)?;
        }
    }
    Ok(())
}

/// Events to several numbers of listeners: many on their way, and one at a time until the last
/// listener has it.
pub(crate) fn fanout(run: &mut Run) -> anyhow::Result<()> {
    let started = run.start(|_| true);
    let peers: Vec<&Peer> = started.iter().collect();
    let is_quick = run.effort.is_quick;
    let listeners: &[usize] = if is_quick {
        &[10, 100]
    } else {
        &[1, 10, 100, 1000]
    };
    for n_bytes in [64, 1024] {
        for &n_listeners in listeners {
            let window = (MAX_BYTES_EMITTED / n_bytes)
                .min(MAX_BYTES_OWED / n_bytes / n_listeners)
                .min(MAX_EMITTED) as u64;
            let event = payload(Shape::Text, n_bytes);
            let scenario = Scenario::events(n_listeners, window, event);
            let load = format!("to {n_listeners}, {}", size(n_bytes));
            measure(run, &peers, ("fanout", &load), &scenario)?;
        }
    }
    for &n_listeners in listeners {
        let scenario = Scenario::events(n_listeners, 1, payload(Shape::Text, 64));
        let load = format!("to {n_listeners}, 64 B, one at a time");
        measure(run, &peers, ("fanout", &load), &scenario)?;
    }
    Ok(())
}

fn payloads(is_quick: bool) -> Vec<(Shape, usize)> {
    if is_quick {
        return vec![
            (Shape::Text, 64),
            (Shape::Text, 1 << 10),
            (Shape::Mixed, 64 << 10),
        ];
    }
    vec![
        (Shape::Text, 64),
        (Shape::Text, 1 << 10),
        (Shape::Mixed, 1 << 10),
        (Shape::Text, 64 << 10),
        (Shape::Mixed, 64 << 10),
        (Shape::Text, 1 << 20),
        (Shape::Mixed, 1 << 20),
    ]
}
