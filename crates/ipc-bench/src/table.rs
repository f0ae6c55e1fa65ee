//! A case as a table: medians, spreads, and how each peer relates to ours.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
};

use crate::{
    results::{Case, Series},
    statistics::{Summary, ratio},
};

/// Measures that tables leave out: they are there to check the others.
const INTERNAL: [&str; 2] = ["messages", "sent"];

/// The measures of a case that people read, the most telling first.
#[must_use]
pub fn columns(case: &Case) -> Vec<&str> {
    const ORDER: [&str; 6] = [
        "rate_per_s",
        "cpu_us",
        "p50_us",
        "p99_us",
        "memory_kib",
        "cpu_percent",
    ];
    let measures = case.measures();
    let known = ORDER.into_iter().filter(|name| measures.contains(name));
    let others = measures
        .iter()
        .copied()
        .filter(|name| !ORDER.contains(name) && !INTERNAL.contains(name));
    known.chain(others).collect()
}

/// A measure as people call it.
#[must_use]
pub fn title(measure: &str) -> &str {
    match measure {
        "rate_per_s" => "rate, 1/s",
        "cpu_us" => "broker CPU, µs",
        "p50_us" => "p50, µs",
        "p99_us" => "p99, µs",
        "memory_kib" => "memory, KiB",
        "cpu_percent" => "CPU, %",
        "hog_mb_per_s" => "the hog's bytes, MB/s",
        "syscalls" => "system calls",
        other => other,
    }
}

/// A number with two or three digits that count.
#[must_use]
pub fn number(value: f64) -> String {
    match value.abs() {
        v if v >= 999_500.0 => format!("{:.2} M", value / 1e6),
        v if v >= 9_995.0 => format!("{:.0} k", value / 1e3),
        v if v >= 99.5 => format!("{value:.0}"),
        v if v >= 9.95 => format!("{value:.1}"),
        v if v >= 0.0995 || v == 0.0 => format!("{value:.2}"),
        v if v >= 0.00995 => format!("{value:.3}"),
        _ => format!("{value:.4}"),
    }
}

/// A case as a table of Markdown. Behind each median stands the spread from the smallest to the
/// largest round, and behind that, the median ratio to ours over the same transport.
#[must_use]
pub fn markdown(case: &Case) -> String {
    let columns = columns(case);
    let mut table = "| |".to_owned();
    for measure in &columns {
        table += &format!(" {} |", title(measure));
    }
    table += "\n|---|";
    table += &"---|".repeat(columns.len());
    table.push('\n');
    for series in &case.series {
        table += &format!("| {} |", series.peer);
        for measure in &columns {
            table += &format!(" {} |", cell(case, series, measure));
        }
        table.push('\n');
    }
    table
}

/// Prints a case to standard output.
pub(crate) fn print(case: &Case) -> io::Result<()> {
    let mut text = format!("\n{}: {}\n\n", case.work, case.load);
    text += &aligned(&markdown(case));
    io::stdout().lock().write_all(text.as_bytes())
}

fn cell(case: &Case, series: &Series, measure: &str) -> String {
    let values = series.values(measure);
    let Some(Summary { median, min, max }) = Summary::of(&values) else {
        return "–".to_owned();
    };
    let mut cell = number(median);
    if 1 < values.len() {
        write!(cell, " ({}–{})", number(min), number(max)).ok();
    }
    let ours = case.of(&format!("ours, {}", series.transport));
    if let Some(ours) = ours.filter(|ours| ours.peer != series.peer)
        && let Some(ratio) = ratio(&values, &ours.values(measure))
    {
        write!(cell, " ×{}", number(ratio.median)).ok();
    }
    cell
}

/// The same table with columns of one width.
fn aligned(table: &str) -> String {
    let rows: Vec<Vec<&str>> = table
        .lines()
        .map(|line| line.split('|').map(str::trim).collect())
        .collect();
    let n_columns = rows.first().map_or(0, Vec::len);
    let width = |column| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell: &&str| cell.chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..n_columns).map(width).collect();
    let mut text = String::new();
    for row in rows.iter().filter(|row| row.get(1) != Some(&"---")) {
        for (cell, width) in row.iter().zip(&widths) {
            write!(text, "{cell:<width$}  ").ok();
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_two_or_three_digits_that_count() {
        assert_eq!(number(0.0), "0.00");
        assert_eq!(number(0.0071), "0.0071");
        assert_eq!(number(0.0654), "0.065");
        assert_eq!(number(0.654), "0.65");
        assert_eq!(number(36.04), "36.0");
        assert_eq!(number(138.4), "138");
        assert_eq!(number(657_321.0), "657 k");
        assert_eq!(number(1_420_000.0), "1.42 M");
    }

    #[test]
    fn a_peer_is_compared_with_ours_of_its_transport() {
        let series = |peer: &str, transport: &str, rate: f64| Series {
            peer: peer.to_owned(),
            transport: transport.to_owned(),
            rounds: vec![[("rate_per_s".to_owned(), rate)].into()],
        };
        let case = Case {
            work: "calls".to_owned(),
            load: "1×1".to_owned(),
            series: vec![
                series("ours, TCP", "TCP", 100.0),
                series("ours, Unix", "Unix", 200.0),
                series("dbus-broker", "Unix", 50.0),
            ],
        };

        let table = markdown(&case);

        assert!(table.contains("| dbus-broker | 50.0 ×0.25 |"), "{table}");
        assert!(table.contains("| ours, Unix | 200 |"), "{table}");
    }
}
