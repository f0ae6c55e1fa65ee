//! Whether a message costs the same however much the broker has to keep in mind.
//!
//! Only that grows. The same connections send and receive the same bytes at every size: one
//! connection provides, or listens to, as many names as any broker grants to one, and all of them
//! are met in turn; the names beyond that belong to further connections, which are there at every
//! size and are never sent anything. Each size has a broker of its own, and the sizes take turns in
//! every round, so that they meet the same machine.

use super::{
    Run, Scenario,
    rounds::{Held, one_round, skip, warm_up},
};
use crate::{
    load::{Calls, Emits},
    payload::{Shape, payload},
    peers::{Kind, Peer, Spec},
    results::Case,
};

/// Names that one connection provides or listens to: the fewest that any broker grants.
const NAMES_EACH: usize = 200;

/// Connections that hold the other names of the largest size.
const N_HOLDERS: usize = 50;

/// What there is more and more of.
#[derive(Clone, Copy, Debug)]
enum Grown {
    Connections,
    Objects,
    Subscriptions,
    Patterns,
}

pub(crate) fn run(run: &mut Run) -> anyhow::Result<()> {
    let sizes: &[usize] = if run.effort.is_quick {
        &[1, 10_000]
    } else {
        &[1, 100, 1000, 10_000]
    };
    let compared = |spec: &Spec| matches!(spec.kind, Kind::Ours | Kind::NatsCurrent);
    let specs: Vec<Spec> = run.specs.iter().copied().filter(compared).collect();
    for grown in [
        Grown::Connections,
        Grown::Objects,
        Grown::Subscriptions,
        Grown::Patterns,
    ] {
        crate::progress(&format!("growth: {}", grown.name()));
        let named = |n: &usize| Case::new(("growth", &format!("{n} {}", grown.name())));
        let mut cases: Vec<Case> = sizes.iter().map(named).collect();
        for spec in &specs {
            grow(run, *spec, grown, sizes, &mut cases);
        }
        for case in cases {
            run.keep(case)?;
        }
    }
    Ok(())
}

/// Adds the rounds of one peer to the cases of all sizes.
fn grow(run: &mut Run, spec: Spec, grown: Grown, sizes: &[usize], cases: &mut [Case]) {
    let mut peers: Vec<Peer> = Vec::new();
    for _ in sizes {
        peers.extend(run.start(|other| other == spec));
    }
    let mut loads = Vec::new();
    for (peer, &n) in peers.iter().zip(sizes) {
        match warm_up(peer, &grown.scenario(n), run.effort) {
            Ok(load) => loads.push((n, peer, load)),
            Err(error) => skip(
                run,
                ("growth", &format!("{n} {}", grown.name())),
                peer,
                &error,
            ),
        }
    }
    for _ in 0..run.effort.n_rounds {
        for (n, peer, load) in &mut loads {
            let case = cases.iter_mut().zip(sizes).find(|(_, size)| *size == n);
            match (case, one_round(peer, load, run.effort)) {
                (Some((case, _)), Ok(sample)) => case.add(spec, sample),
                (None, _) => {}
                (_, Err(error)) => {
                    skip(
                        run,
                        ("growth", &format!("{n} {}", grown.name())),
                        peer,
                        &error,
                    );
                }
            }
        }
    }
}

impl Grown {
    fn name(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Objects => "objects",
            Self::Subscriptions => "subscriptions",
            Self::Patterns => "patterns",
        }
    }

    fn scenario(self, n: usize) -> Scenario {
        let payload = payload(Shape::Text, 64);
        let n_met = n.min(NAMES_EACH);
        match self {
            Self::Connections => Scenario {
                n_idle: n,
                ..Scenario::calls(16, 16, payload)
            },
            Self::Objects => {
                let mut names = names("object", n);
                let others = names.split_off(n_met);
                Scenario {
                    n_callers: 16,
                    calls: Some(Calls {
                        in_flight: 16,
                        payload,
                        objects: names,
                    }),
                    held: held(Held::Objects(others)),
                    names_each: NAMES_EACH,
                    ..Scenario::default()
                }
            }
            Self::Subscriptions => {
                let mut names = names("event", n);
                let others = names.split_off(n_met);
                Scenario {
                    held: held(Held::Subscriptions(others)),
                    ..events(names, payload)
                }
            }
            Self::Patterns => {
                let mut patterns: Vec<_> = (0..n).map(|i| format!("*.{i:05}")).collect();
                let others = patterns.split_off(n_met);
                Scenario {
                    patterns,
                    held: held(Held::Patterns(others)),
                    ..events(names("event", n_met), payload)
                }
            }
        }
    }
}

fn held(names: Held) -> Option<(usize, Held)> {
    Some((N_HOLDERS, names))
}

/// One listener to all of these, which are emitted in turn.
fn events(names: Vec<String>, payload: Vec<u8>) -> Scenario {
    Scenario {
        n_listeners: 1,
        names_each: NAMES_EACH,
        emits: Some(Emits {
            window: 256,
            payload,
            names,
            n_receivers: 1,
            delivered_bytes: 1,
        }),
        ..Scenario::default()
    }
}

/// Names of one length, so that every message has the same.
fn names(kind: &str, n: usize) -> Vec<String> {
    (0..n).map(|i| format!("{kind}.{i:05}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_does_not_grow() {
        let small = Grown::Objects.scenario(1);
        let large = Grown::Objects.scenario(10_000);

        let name_bytes = |scenario: &Scenario| scenario.calls.as_ref().unwrap().objects[0].len();
        assert_eq!(name_bytes(&small), name_bytes(&large));
        let met = &large.calls.as_ref().unwrap().objects;
        assert!(met.len() <= large.names_each, "one connection provides all");
        let Some((N_HOLDERS, Held::Objects(others))) = &large.held else {
            panic!("the other names are held");
        };
        assert_eq!(met.len() + others.len(), 10_000);
        assert!(others.len() <= N_HOLDERS * NAMES_EACH);
    }
}
