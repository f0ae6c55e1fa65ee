//! Rounds: each peer runs the same load in turn, so that what disturbs the machine disturbs all.

use super::{Effort, Run, Sample};
use crate::{
    dialect::Frame,
    load::{Calls, Emits, Load, Tally},
    peers::{Kind, Peer, Site, Spec},
    results::Case,
    role::Role,
    statistics::percentile,
};

/// The parts that connections play in a load.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scenario {
    pub(crate) n_callers: usize,
    pub(crate) calls: Option<Calls>,
    pub(crate) n_listeners: usize,
    pub(crate) emits: Option<Emits>,
    /// Further connections that do nothing.
    pub(crate) n_idle: usize,
    /// Names that one connection at most provides or listens to.
    pub(crate) names_each: usize,
    pub(crate) patterns: Vec<String>,
    /// Names that nothing is sent to, and the number of connections that they are dealt to.
    pub(crate) held: Option<(usize, Held)>,
}

/// Names that connections hold without taking part.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    Objects(Vec<String>),
    Subscriptions(Vec<String>),
    Patterns(Vec<String>),
}

impl Scenario {
    /// So many callers of one object, each with so many calls in flight.
    pub(crate) fn calls(n_callers: usize, in_flight: u32, payload: Vec<u8>) -> Self {
        let calls = Calls {
            in_flight,
            payload,
            objects: vec!["bench".to_owned()],
        };
        Self {
            n_callers,
            calls: Some(calls),
            names_each: 1,
            ..Self::default()
        }
    }

    /// Events to so many listeners, so many of them on their way at a time.
    pub(crate) fn events(n_listeners: usize, window: u64, payload: Vec<u8>) -> Self {
        let emits = Emits {
            window,
            payload,
            names: vec!["tick".to_owned()],
            n_receivers: n_listeners as u64,
            delivered_bytes: 1,
        };
        Self {
            n_listeners,
            emits: Some(emits),
            names_each: 1,
            ..Self::default()
        }
    }

    /// Connects everything that plays a part.
    pub(crate) fn set_up<'a>(&self, site: &'a Site) -> anyhow::Result<Load<'a>> {
        let dialect = site.dialect()?;
        let mut load = Load::new(dialect)?;
        if let Some(calls) = &self.calls {
            // The relay pairs each caller with a provider of its own.
            let has_names = site.spec.has_names();
            let n_copies = if has_names { 1 } else { self.n_callers };
            for objects in calls.objects.chunks(self.names_each) {
                for _ in 0..n_copies {
                    let mut link = site.connect(Role::Provider)?;
                    dialect.provide(&mut link, objects)?;
                    load.add(Role::Provider, link)?;
                }
            }
            for caller in 0..self.n_callers {
                let mut link = site.connect(Role::Caller)?;
                dialect.prepare_caller(&mut link, caller)?;
                load.add(Role::Caller, link)?;
            }
            load.set_calls(calls.clone());
        }
        if let Some(emits) = &self.emits {
            let emits = self.connect_listeners(site, &mut load, emits)?;
            load.set_emits(emits);
        }
        if let Some((n_connections, held)) = &self.held {
            hold(site, &mut load, *n_connections, held)?;
        }
        for _ in 0..self.n_idle {
            // Whatever the broker says to it is read and passed over.
            load.add(Role::Provider, site.connect(Role::Listener)?)?;
        }
        Ok(load)
    }

    /// Connects publisher and listeners; a first event tells how many bytes one is.
    fn connect_listeners(
        &self,
        site: &Site,
        load: &mut Load<'_>,
        emits: &Emits,
    ) -> anyhow::Result<Emits> {
        let dialect = site.dialect()?;
        let mut listeners = Vec::new();
        for _ in 0..self.n_listeners {
            let (names, are_patterns) = if self.patterns.is_empty() {
                (&emits.names, false)
            } else {
                (&self.patterns, true)
            };
            for names in names.chunks(self.names_each) {
                let mut link = site.connect(Role::Listener)?;
                dialect.listen(&mut link, names, are_patterns)?;
                listeners.push(link);
            }
        }
        let mut publisher = site.connect(Role::Publisher)?;
        let mut event = Vec::new();
        dialect.event(&emits.names[0], &emits.payload, &mut event);
        publisher.say(&event)?;
        let mut emits = emits.clone();
        let n_probed = usize::try_from(emits.n_receivers)?;
        let per_listener = listeners.len() / self.n_listeners.max(1);
        for listener in listeners.iter_mut().step_by(per_listener).take(n_probed) {
            emits.delivered_bytes = loop {
                let (bytes, frame) = listener.frame(dialect)?;
                if frame == Frame::Event {
                    break bytes.len() as u64;
                }
            };
        }
        if site.spec.kind == Kind::Redis {
            publisher.line()?;
        }
        for listener in listeners {
            load.add(Role::Listener, listener)?;
        }
        load.add(Role::Publisher, publisher)?;
        Ok(emits)
    }
}

fn hold(site: &Site, load: &mut Load<'_>, n_connections: usize, held: &Held) -> anyhow::Result<()> {
    let (Held::Objects(names) | Held::Subscriptions(names) | Held::Patterns(names)) = held;
    let dialect = site.dialect()?;
    let n_each = names.len().div_ceil(n_connections).max(1);
    let mut chunks = names.chunks(n_each);
    for _ in 0..n_connections {
        let mut link = site.connect(Role::Provider)?;
        let names = chunks.next().unwrap_or_default();
        match held {
            Held::Objects(_) => dialect.provide(&mut link, names)?,
            Held::Subscriptions(_) => dialect.listen(&mut link, names, false)?,
            Held::Patterns(_) => dialect.listen(&mut link, names, true)?,
        }
        load.add(Role::Provider, link)?;
    }
    Ok(())
}

/// Lets each peer run the load in turn, round after round.
pub(crate) fn measure(
    run: &mut Run,
    peers: &[&Peer],
    (work, load): (&str, &str),
    scenario: &Scenario,
) -> anyhow::Result<()> {
    crate::progress(&format!("{work}: {load}"));
    let effort = run.effort;
    let mut running = Vec::new();
    for peer in peers {
        match warm_up(peer, scenario, effort) {
            Ok(load) => running.push((*peer, load, Vec::new())),
            Err(error) => skip(run, (work, load), peer, &error),
        }
    }
    for round in 0..effort.n_rounds {
        // Whoever begins has no advantage by it.
        let n_running = running.len().max(1);
        running.rotate_left(round % n_running);
        let mut still_running = Vec::new();
        for (peer, mut load_of, mut samples) in running {
            match one_round(peer, &mut load_of, effort) {
                Ok(sample) => {
                    samples.push(sample);
                    still_running.push((peer, load_of, samples));
                }
                Err(error) => skip(run, (work, load), peer, &error),
            }
        }
        running = still_running;
    }
    running.sort_by_key(|(peer, ..)| Spec::ALL.iter().position(|spec| *spec == peer.site.spec));
    let mut case = Case::new((work, load));
    for (peer, _, rounds) in running {
        for sample in rounds {
            case.add(peer.site.spec, sample);
        }
    }
    run.keep(case)
}

/// Lets the peers do something in turn, round after round; one that fails does no more of it.
pub(crate) fn in_turn(
    run: &mut Run,
    load: (&str, &str),
    peers: &[Peer],
    mut round: impl FnMut(&Peer) -> anyhow::Result<Sample>,
) -> Case {
    let mut case = Case::new(load);
    let mut running: Vec<&Peer> = peers.iter().collect();
    for _ in 0..run.effort.n_rounds {
        running.retain(|peer| match round(peer) {
            Ok(sample) => {
                case.add(peer.site.spec, sample);
                true
            }
            Err(error) => {
                skip(run, load, peer, &error);
                false
            }
        });
    }
    case
}

/// Connects the load to a peer and runs it for a short time.
pub(crate) fn warm_up<'a>(
    peer: &'a Peer,
    scenario: &Scenario,
    effort: Effort,
) -> anyhow::Result<Load<'a>> {
    let mut load = scenario.set_up(&peer.site)?;
    let warming = Effort {
        time: effort.time / 5,
        ..effort
    };
    load.run(warming.budget())?;
    Ok(load)
}

/// One round of one peer.
pub(crate) fn one_round(
    peer: &Peer,
    load: &mut Load<'_>,
    effort: Effort,
) -> anyhow::Result<Sample> {
    let before = peer.process.cpu_ns()?;
    let tally = load.run(effort.budget())?;
    Ok(timed(tally, peer.process.cpu_ns()? - before))
}

/// Notes that a peer does not do this work.
pub(crate) fn skip(run: &mut Run, (work, load): (&str, &str), peer: &Peer, error: &anyhow::Error) {
    let line = format!("{} in {work}, {load}: {error:#}", peer.site.spec.name());
    if !run.results.skipped.contains(&line) {
        crate::progress(&format!("skipped: {line}"));
        run.results.skipped.push(line);
    }
}

/// What a run comes to. A message is a call with its answer, or an event delivered once.
pub(crate) fn timed(mut tally: Tally, cpu_ns: u64) -> Sample {
    let is_calls = 0 < tally.n_called;
    let n_messages = tally.n_messages();
    let mut sample = Sample::new();
    let mut note = |name: &str, value: f64| sample.insert(name.to_owned(), value);
    note("messages", n_messages as f64);
    note(
        "rate_per_s",
        n_messages as f64 / tally.elapsed.as_secs_f64(),
    );
    note("cpu_us", cpu_ns as f64 / 1e3 / n_messages.max(1) as f64);
    if is_calls {
        note("sent", tally.n_called as f64);
    } else {
        note("sent", tally.n_emitted as f64);
    }
    if !tally.latencies.is_empty() {
        for (name, per_mille) in [("p50_us", 500), ("p99_us", 990)] {
            let latency = percentile(&mut tally.latencies, per_mille);
            note(name, f64::from(latency) / 1e3);
        }
    }
    sample
}
