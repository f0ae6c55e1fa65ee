//! Whether a message costs the same however much the broker has to keep in mind.

use super::{Run, Scenario, rounds::measure};
use crate::{
    load::{Calls, Emits},
    payload::{Shape, payload},
    peers::{Kind, Peer, Spec},
};

/// Names that one connection provides or listens to: the fewest that any broker grants.
const NAMES_EACH: usize = 200;

pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    let compared = |spec: Spec| matches!(spec.kind, Kind::Ours | Kind::NatsCurrent);
    let started = run.start(|spec| compared(spec) && !spec.is_unix);
    let peers: Vec<&Peer> = started.iter().collect();
    let is_quick = run.effort.is_quick;
    let sizes: &[usize] = if is_quick {
        &[1, 10_000]
    } else {
        &[1, 100, 1000, 10_000]
    };
    for &n in sizes {
        let payload = payload(Shape::Text, 64);
        let connections = Scenario {
            n_idle: n,
            ..Scenario::calls(16, 16, payload.clone())
        };
        measure(
            run,
            // Connections to more than one broker are more files than systems commonly allow.
            &peers[..if n < 10_000 {
                peers.len()
            } else {
                peers.len().min(1)
            }],
            ("growth", &format!("{n} connections")),
            &connections,
        )?;
        let objects = Scenario {
            n_callers: 16,
            calls: Some(Calls {
                in_flight: 16,
                payload: payload.clone(),
                objects: names("object", n),
            }),
            names_each: NAMES_EACH,
            ..Scenario::default()
        };
        measure(run, &peers, ("growth", &format!("{n} objects")), &objects)?;
        let subscriptions = Scenario {
            n_listeners: 1,
            names_each: NAMES_EACH,
            emits: Some(Emits {
                window: 256,
                payload,
                names: names("event", n),
                n_receivers: 1,
                delivered_bytes: 1,
            }),
            ..Scenario::default()
        };
        let load = format!("{n} subscriptions");
        measure(run, &peers, ("growth", &load), &subscriptions)?;
        let patterns = Scenario {
            patterns: (0..n).map(|i| format!("*.{i:05}")).collect(),
            ..subscriptions
        };
        measure(run, &peers, ("growth", &format!("{n} patterns")), &patterns)?;
    }
    Ok(())
}

/// Names of one length, so that every message has the same.
fn names(kind: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{kind}.{i:05}")).collect()
}
