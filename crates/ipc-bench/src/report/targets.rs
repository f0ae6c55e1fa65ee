//! The targets that were set before the design, and how a run stands to them.

use std::fmt::Write as _;

use crate::{
    results::Results,
    statistics::{Summary, ratio},
    table::number,
};

/// What ours is held to.
enum Bound {
    /// At most so many times the peer's figure.
    AtMost(f64),
    /// At least so many times the peer's figure.
    AtLeast(f64),
    /// At most this, whatever peers do.
    Within(f64),
}

struct Target {
    work: &'static str,
    load: &'static str,
    measure: &'static str,
    ours: &'static str,
    /// Empty where there is a fixed bound.
    peer: &'static str,
    bound: Bound,
}

const TCP: &str = "ours, TCP";
const UNIX: &str = "ours, Unix";
const NATS: &str = "NATS, current";
const CALLS: &str = "16×16, 64 B text";
const RATE: &str = "rate_per_s";

const fn target(
    (work, load, measure): (&'static str, &'static str, &'static str),
    ours: &'static str,
    peer: &'static str,
    bound: Bound,
) -> Target {
    Target {
        work,
        load,
        measure,
        ours,
        peer,
        bound,
    }
}

const TARGETS: [Target; 33] = [
    target(
        ("calls", CALLS, "cpu_us"),
        TCP,
        "raw relay, TCP",
        Bound::AtMost(1.1),
    ),
    target(
        ("calls", CALLS, "cpu_us"),
        UNIX,
        "raw relay, Unix",
        Bound::AtMost(1.4),
    ),
    target(("calls", CALLS, RATE), TCP, NATS, Bound::AtLeast(2.0)),
    target(
        ("calls", CALLS, RATE),
        UNIX,
        "dbus-daemon",
        Bound::AtLeast(20.0),
    ),
    target(
        ("library", "1×64, 64 B text", RATE),
        TCP,
        NATS,
        Bound::AtLeast(2.0),
    ),
    target(("library", CALLS, RATE), TCP, NATS, Bound::AtLeast(3.5)),
    target(
        ("library", "1×64, 64 B text", RATE),
        UNIX,
        "dbus-broker",
        Bound::AtLeast(8.0),
    ),
    target(
        ("library", CALLS, RATE),
        UNIX,
        "dbus-broker",
        Bound::AtLeast(8.0),
    ),
    target(
        ("latency", "64 B text", "p50_us"),
        TCP,
        "raw relay, TCP",
        Bound::AtMost(0.5),
    ),
    target(
        ("latency", "64 B text", "p50_us"),
        UNIX,
        "raw relay, Unix",
        Bound::AtMost(0.5),
    ),
    target(
        ("calls", "1×64, 1 KiB text", RATE),
        TCP,
        NATS,
        Bound::AtLeast(1.1),
    ),
    target(
        ("calls", "16×16, 1 KiB text", RATE),
        TCP,
        NATS,
        Bound::AtLeast(1.1),
    ),
    target(
        ("calls", "16×16, 1 KiB mixed", RATE),
        TCP,
        NATS,
        Bound::AtLeast(1.1),
    ),
    target(
        ("fanout", "to 10, 64 B", RATE),
        TCP,
        NATS,
        Bound::AtLeast(2.0),
    ),
    target(
        ("fanout", "to 100, 64 B", RATE),
        TCP,
        NATS,
        Bound::AtLeast(2.0),
    ),
    target(
        ("fanout", "to 10, 64 B", RATE),
        TCP,
        "Redis",
        Bound::AtLeast(1.5),
    ),
    target(
        ("fanout", "to 100, 64 B", RATE),
        TCP,
        "Redis",
        Bound::AtLeast(1.5),
    ),
    target(
        ("fanout", "to 10, 1 KiB", RATE),
        TCP,
        NATS,
        Bound::AtLeast(1.5),
    ),
    target(
        ("fanout", "to 100, 1 KiB", RATE),
        TCP,
        NATS,
        Bound::AtLeast(1.5),
    ),
    target(
        ("latency", "64 KiB text", "p50_us"),
        TCP,
        NATS,
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "64 KiB mixed", "p50_us"),
        TCP,
        NATS,
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "1 MiB text", "p50_us"),
        TCP,
        NATS,
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "1 MiB mixed", "p50_us"),
        TCP,
        NATS,
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "64 KiB text", "p50_us"),
        UNIX,
        "dbus-broker",
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "64 KiB mixed", "p50_us"),
        UNIX,
        "dbus-broker",
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "1 MiB text", "p50_us"),
        UNIX,
        "dbus-broker",
        Bound::AtMost(1.0),
    ),
    target(
        ("latency", "1 MiB mixed", "p50_us"),
        UNIX,
        "dbus-broker",
        Bound::AtMost(1.0),
    ),
    target(
        ("idle", "10000 connections", "memory_kib"),
        TCP,
        "",
        Bound::Within(1.0),
    ),
    target(
        ("idle", "10000 connections", "memory_kib"),
        UNIX,
        "",
        Bound::Within(1.0),
    ),
    target(
        ("idle", "10000 connections", "cpu_percent"),
        TCP,
        "",
        Bound::Within(0.0),
    ),
    target(
        ("idle", "10000 connections", "cpu_percent"),
        UNIX,
        "",
        Bound::Within(0.0),
    ),
    target(
        ("isolation", "beside a hog", "p99_us"),
        TCP,
        "",
        Bound::Within(2000.0),
    ),
    target(
        ("isolation", "beside a hog", "p99_us"),
        UNIX,
        "",
        Bound::Within(2000.0),
    ),
];

/// What growth may add to the cost of a message and still count as flat: the spread of rounds.
const FLAT: f64 = 1.25;

/// Every target, what was reached, and whether that is enough.
pub(super) fn table(results: &Results) -> anyhow::Result<String> {
    let mut table = "| work | figure | ours | beside | target | reached | |\n\
                     |---|---|---|---|---|---|---|\n"
        .to_owned();
    for target in &TARGETS {
        let reached = target.reached(results);
        let (bound, is_met) = target.judge(reached.map(|reached| reached.median));
        let figure = match reached {
            Some(reached) => format!(
                "{} ({}–{})",
                number(reached.median),
                number(reached.min),
                number(reached.max)
            ),
            None => "not measured".to_owned(),
        };
        writeln!(
            table,
            "| {}: {} | {} | {} | {} | {bound} | {figure} | {is_met} |",
            target.work,
            target.load,
            target.figure(),
            target.ours,
            if target.peer.is_empty() {
                "–"
            } else {
                target.peer
            },
        )?;
    }
    for (what, reached) in growth(results) {
        let is_met = if reached <= FLAT { "met" } else { "**missed**" };
        writeln!(
            table,
            "| growth: {what} | broker CPU at 10,000 against 1 | {TCP} | – | flat (≤ × {FLAT}) | \
             × {} | {is_met} |",
            number(reached),
        )?;
    }
    Ok(table)
}

/// Where a peer does better than ours over the same transport.
pub(super) fn losses(results: &Results) -> anyhow::Result<String> {
    const FIGURES: [(&str, bool, &str); 5] = [
        (RATE, true, "rate"),
        ("cpu_us", false, "broker CPU"),
        ("p50_us", false, "p50"),
        ("p99_us", false, "p99"),
        ("memory_kib", false, "memory per connection"),
    ];
    let mut text = String::new();
    for case in &results.cases {
        for series in &case.series {
            let ours = case.of(&format!("ours, {}", series.transport));
            let Some(ours) = ours.filter(|ours| ours.peer != series.peer) else {
                continue;
            };
            for (measure, is_more_better, figure) in FIGURES {
                let Some(ratio) = ratio(&series.values(measure), &ours.values(measure)) else {
                    continue;
                };
                // Less than a twentieth is not worth a line.
                let better = if is_more_better {
                    ratio.median
                } else {
                    1.0 / ratio.median
                };
                if 1.05 < better {
                    writeln!(
                        text,
                        "- {}, {}: {figure} of {} is × {} of ours",
                        case.work,
                        case.load,
                        series.peer,
                        number(ratio.median)
                    )?;
                }
            }
        }
    }
    if text.is_empty() {
        text += "Nothing by more than a twentieth, in what was measured.\n";
    }
    Ok(text)
}

impl Target {
    /// The figure that is compared with the bound.
    fn reached(&self, results: &Results) -> Option<Summary> {
        let case = results.case(self.work, self.load)?;
        let ours = case.of(self.ours)?.values(self.measure);
        if self.work == "isolation" {
            let alone = results.case(self.work, "alone")?.of(self.ours)?;
            let alone = alone.summary(self.measure)?.median;
            let added: Vec<_> = ours.iter().map(|p99| p99 - alone).collect();
            return Summary::of(&added);
        }
        match self.bound {
            Bound::Within(_) => Summary::of(&ours),
            Bound::AtMost(_) | Bound::AtLeast(_) => {
                ratio(&ours, &case.of(self.peer)?.values(self.measure))
            }
        }
    }

    /// The bound in words, and whether it is kept.
    fn judge(&self, reached: Option<f64>) -> (String, &'static str) {
        let (bound, is_met): (_, fn(f64, f64) -> bool) = match self.bound {
            Bound::AtMost(bound) => (bound, |reached, bound| reached <= bound),
            Bound::AtLeast(bound) => (bound, |reached, bound| bound <= reached),
            // What the clock does not see is nothing.
            Bound::Within(bound) => (bound, |reached, bound| reached <= bound + 0.01),
        };
        let text = match self.bound {
            Bound::AtMost(_) => format!("≤ × {bound}"),
            Bound::AtLeast(_) => format!("≥ × {bound}"),
            Bound::Within(_) => format!("≤ {bound}"),
        };
        let is_met = match reached {
            Some(reached) if is_met(reached, bound) => "met",
            Some(_) => "**missed**",
            None => "",
        };
        (text, is_met)
    }

    fn figure(&self) -> String {
        let title = crate::table::title(self.measure);
        if self.work == "isolation" {
            return format!("{title}, over that of the call alone");
        }
        title.to_owned()
    }
}

/// How the cost of a message grows from 1 to 10,000 of each kind.
fn growth(results: &Results) -> Vec<(&'static str, f64)> {
    let kinds = ["connections", "objects", "subscriptions", "patterns"];
    let cost = |n: usize, kind: &str| {
        let case = results.case("growth", &format!("{n} {kind}"))?;
        Some(case.of(TCP)?.summary("cpu_us")?.median)
    };
    let grown = kinds.map(|kind| Some((kind, cost(10_000, kind)? / cost(1, kind)?)));
    grown.into_iter().flatten().collect()
}
