//! Connections that come for one call and go.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::Instant,
};

use anyhow::bail;

use super::{Run, Sample, rounds::in_turn};
use crate::{
    dialect::{Call, Frame},
    load::Load,
    payload::{Shape, payload},
    peers::{Peer, Spec},
    role::Role,
    statistics::percentile,
};

/// Connections of one round: each leaves a port behind that is not free again for a minute.
const N_CONNECTIONS: u64 = 500;

const OBJECT: &str = "bench";

pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    const LOAD: (&str, &str) = ("churn", "connect, hello, one call, close");
    crate::progress("churn");
    let peers = run.start(Spec::has_calls);
    let n_connections = N_CONNECTIONS.min(run.effort.messages);
    let case = in_turn(run, LOAD, &peers, |peer| round(peer, n_connections));
    run.keep(case)
}

fn round(peer: &Peer, n_connections: u64) -> anyhow::Result<Sample> {
    // The relay pairs each caller with a provider of its own, which waits from the beginning.
    let has_names = peer.site.spec.has_names();
    let n_providers = if has_names { 1 } else { n_connections };
    let mut providers = Vec::new();
    for _ in 0..n_providers {
        let mut provider = peer.site.connect(Role::Provider)?;
        let objects = [OBJECT.to_owned()];
        peer.site.dialect()?.provide(&mut provider, &objects)?;
        providers.push(provider);
    }
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let mut load = Load::new(peer.site.dialect()?)?;
            for provider in providers {
                load.add(Role::Provider, provider)?;
            }
            load.serve(|| is_over.load(Ordering::Relaxed))
        });
        let sample = visits(peer, n_connections);
        is_over.store(true, Ordering::Relaxed);
        match serving.join() {
            Ok(served) => served?,
            Err(_panicked) => bail!("the provider failed"),
        }
        sample
    })
}

fn visits(peer: &Peer, n_connections: u64) -> anyhow::Result<Sample> {
    let payload = payload(Shape::Text, 64);
    let mut latencies = Vec::new();
    let (start, before) = (Instant::now(), peer.process.cpu_ns()?);
    for _ in 0..n_connections {
        let connecting = Instant::now();
        visit(peer, &payload)?;
        latencies.push(u32::try_from(connecting.elapsed().as_nanos())?);
    }
    let elapsed = start.elapsed().as_secs_f64();
    let n_connections = n_connections as f64;
    let cpu_us = (peer.process.cpu_ns()? - before) as f64 / 1e3 / n_connections;
    Ok([
        ("messages", n_connections),
        ("rate_per_s", n_connections / elapsed),
        ("cpu_us", cpu_us),
        ("p50_us", f64::from(percentile(&mut latencies, 500)) / 1e3),
        ("p99_us", f64::from(percentile(&mut latencies, 990)) / 1e3),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into())
}

fn visit(peer: &Peer, payload: &[u8]) -> anyhow::Result<()> {
    let dialect = peer.site.dialect()?;
    let mut link = peer.site.connect(Role::Caller)?;
    dialect.prepare_caller(&mut link, 0)?;
    let call = Call {
        caller: 0,
        id: 1,
        object: OBJECT,
        payload,
    };
    let mut out = Vec::new();
    dialect.call(call, &mut out);
    link.say(&out)?;
    loop {
        if let (_, Frame::Reply(_)) = link.frame(dialect)? {
            return Ok(());
        }
    }
}
