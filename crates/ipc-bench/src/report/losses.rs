//! Where peers do better than ours.

use std::fmt::Write as _;

use crate::{results::Results, statistics::ratio, table::number};

/// Measures, whether more of them is better, and what they are called.
const FIGURES: [(&str, bool, &str); 6] = [
    ("rate_per_s", true, "rate"),
    ("cpu_us", false, "broker CPU"),
    ("p50_us", false, "p50"),
    ("p99_us", false, "p99"),
    ("memory_kib", false, "memory per connection"),
    ("syscalls", false, "system calls"),
];

/// Less than a twentieth is not worth a line.
const WORTH: f64 = 1.05;

/// A line for each figure in which a peer is better than ours over the same transport.
pub(super) fn list(results: &Results) -> anyhow::Result<String> {
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
                let better = if is_more_better {
                    ratio.median
                } else {
                    1.0 / ratio.median
                };
                if WORTH < better {
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
