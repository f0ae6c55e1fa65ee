//! The plots: bars with the spread of the rounds, as SVG that needs nothing else.

use std::fmt::Write as _;

use crate::{
    results::{Case, Results},
    statistics::Summary,
    table::number,
};

/// A plot that is drawn.
pub(super) struct Plot {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) svg: String,
}

/// Name, title, work, load, measure.
const PLOTS: [(&str, &str, &str, &str, &str); 10] = [
    (
        "rate",
        "Calls a second, 16×16 in flight, 64 B",
        "calls",
        "16×16, 64 B text",
        "rate_per_s",
    ),
    (
        "cpu",
        "Broker CPU per call, µs, 16×16 in flight, 64 B",
        "calls",
        "16×16, 64 B text",
        "cpu_us",
    ),
    (
        "latency",
        "One call in flight, 64 B: p50, µs",
        "latency",
        "64 B text",
        "p50_us",
    ),
    (
        "latency-64k",
        "One call in flight, 64 KiB: p50, µs",
        "latency",
        "64 KiB mixed",
        "p50_us",
    ),
    (
        "fanout",
        "Deliveries a second, 64 B to 100 listeners",
        "fanout",
        "to 100, 64 B",
        "rate_per_s",
    ),
    (
        "fanout-cpu",
        "Broker CPU per delivery, µs, 64 B to 100",
        "fanout",
        "to 100, 64 B",
        "cpu_us",
    ),
    (
        "syscalls",
        "System calls of the broker per call, 16×16 in flight, 64 B",
        "syscalls",
        "calls 16×16",
        "syscalls",
    ),
    (
        "isolation",
        "A small call beside a sender of 16 MiB messages: p99, µs",
        "isolation",
        "beside a hog",
        "p99_us",
    ),
    (
        "library",
        "Library to library, 16×16: calls a second",
        "library",
        "16×16, 64 B text",
        "rate_per_s",
    ),
    (
        "idle",
        "Memory per connection at 10,000, KiB",
        "idle",
        "10000 connections",
        "memory_kib",
    ),
];

const WIDTH: f64 = 720.0;
const LABELS: f64 = 140.0;
const FIGURES: f64 = 80.0;
const BAR: f64 = 18.0;
const STEP: f64 = 26.0;
const TOP: f64 = 40.0;

/// Draws those plots whose cases were measured.
pub(super) fn draw(results: &Results) -> Vec<Plot> {
    let drawn = PLOTS
        .iter()
        .filter_map(|(name, title, work, load, measure)| {
            let case = results.case(work, load)?;
            Some(Plot {
                name: (*name).to_owned(),
                title: (*title).to_owned(),
                svg: bars(title, case, measure)?,
            })
        });
    drawn.collect()
}

/// One bar a peer. Its end is the median; the thin line goes from the smallest round to the
/// largest.
fn bars(title: &str, case: &Case, measure: &str) -> Option<String> {
    let bars: Vec<(&str, Summary)> = case
        .series
        .iter()
        .filter_map(|series| Some((series.peer.as_str(), series.summary(measure)?)))
        .collect();
    let largest = bars.iter().map(|(_, bar)| bar.max).fold(0.0, f64::max);
    if largest <= 0.0 {
        return None;
    }
    let scale = (WIDTH - LABELS - FIGURES) / largest;
    let height = TOP + STEP * bars.len() as f64 + 8.0;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#fff\"/>\n\
         <text x=\"8\" y=\"24\" font-size=\"15\" font-weight=\"bold\">{}</text>\n",
        escaped(title)
    );
    for (i, (peer, bar)) in bars.iter().enumerate() {
        draw_bar(&mut svg, peer, *bar, (TOP + STEP * i as f64, scale));
    }
    svg += "</svg>\n";
    Some(svg)
}

fn draw_bar(svg: &mut String, peer: &str, bar: Summary, (y, scale): (f64, f64)) {
    let fill = match peer {
        peer if peer.starts_with("ours") => "#2b6cb0",
        peer if peer.starts_with("raw relay") => "#a0aec0",
        _ => "#dd9a4b",
    };
    let (from, to) = (LABELS + bar.min * scale, LABELS + bar.max * scale);
    let middle = y + BAR / 2.0;
    // A string takes everything.
    writeln!(
        svg,
        "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>\n\
         <rect x=\"{LABELS:.0}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" fill=\"{fill}\"/>\n\
         <line x1=\"{from:.1}\" x2=\"{to:.1}\" y1=\"{middle:.1}\" y2=\"{middle:.1}\" \
         stroke=\"#1a202c\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        LABELS - 8.0,
        y + 14.0,
        escaped(peer),
        bar.median * scale,
        to + 6.0,
        y + 14.0,
        number(bar.median),
    )
    .ok();
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Series;

    #[test]
    fn the_longest_bar_ends_before_its_figure() {
        let series = |peer: &str, value: f64| Series {
            peer: peer.to_owned(),
            transport: "TCP".to_owned(),
            rounds: vec![[("cpu_us".to_owned(), value)].into()],
        };
        let case = Case {
            work: "calls".to_owned(),
            load: "x".to_owned(),
            series: vec![series("ours, TCP", 1.0), series("a<b", 2.0)],
        };

        let svg = bars("CPU", &case, "cpu_us").unwrap();

        assert!(svg.contains("width=\"500.0\""), "{svg}");
        assert!(svg.contains("width=\"250.0\""), "{svg}");
        assert!(svg.contains("a&lt;b"), "{svg}");
    }

    #[test]
    fn nothing_to_draw_is_no_plot() {
        let case = Case {
            work: "calls".to_owned(),
            load: "x".to_owned(),
            series: Vec::new(),
        };

        assert_eq!(bars("CPU", &case, "cpu_us"), None);
    }
}
