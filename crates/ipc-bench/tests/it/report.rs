//! The report of a small run that is kept as a file.

use std::{fs, path::Path};

use ipc_bench::{
    report::{self, Verdict},
    results::{Case, Results, Series},
};

fn small() -> Results {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/small.json");
    Results::load(&path).unwrap()
}

fn page(results: &Results, notes: Option<&str>) -> (tempfile::TempDir, String) {
    let docs = tempfile::tempdir().unwrap();
    if let Some(notes) = notes {
        fs::create_dir(docs.path().join("performance")).unwrap();
        fs::write(docs.path().join("performance/notes.md"), notes).unwrap();
    }
    report::write(results, docs.path()).unwrap();
    let page = fs::read_to_string(docs.path().join("performance.md")).unwrap();
    (docs, page)
}

#[test]
fn targets_are_judged_by_ratios_within_a_round() {
    let (_docs, page) = page(&small(), None);

    let line = |begin: &str| page.lines().find(|line| line.starts_with(begin)).unwrap();
    let cpu = line("| calls: 16×16, 64 B text | broker CPU, µs | ours, TCP |");
    assert!(
        cpu.contains("| ≤ × 1.1 | 1.20 (1.00–1.40) | **missed** |"),
        "{cpu}"
    );
    let rate = line("| calls: 16×16, 64 B text | rate, 1/s | ours, TCP |");
    assert!(
        rate.contains("| ≥ × 2 | 3.00 (3.00–3.00) | met |"),
        "{rate}"
    );
    let idle = line("| idle: 10000 connections | memory, KiB | ours, TCP |");
    assert!(idle.contains("| not measured | |") || idle.contains("| not measured |  |"));
}

#[test]
fn what_is_lost_is_said() {
    let (_docs, page) = page(&small(), None);

    let losses = page.split("## What we lose").nth(1).unwrap();
    assert!(
        losses.contains("broker CPU of raw relay, TCP is × 0.83 of ours"),
        "{losses}"
    );
    assert!(!losses.contains("rate of NATS"), "{losses}");
}

#[test]
fn notes_are_included_as_they_are() {
    let notes = "## What was tried and did not help\n\n- io_uring: *nothing*\n";

    let (_docs, page) = page(&small(), Some(notes));

    assert!(page.contains(notes));
}

#[test]
fn plots_are_drawn_for_what_was_measured() {
    let (docs, page) = page(&small(), None);

    assert!(page.contains("](performance/cpu.svg)"));
    let svg = fs::read_to_string(docs.path().join("performance/cpu.svg")).unwrap();
    assert!(svg.contains("raw relay, TCP"));
    assert!(!docs.path().join("performance/fanout.svg").exists());
}

#[test]
fn a_results_file_is_read_as_it_was_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made/on/demand.json");

    small().save(&path).unwrap();

    assert_eq!(Results::load(&path).unwrap(), small());
}

/// Adds rounds of one measure of ours over TCP.
fn add(results: &mut Results, (work, load): (&str, &str), measure: &str, values: &[f64]) {
    results.cases.push(Case {
        work: work.to_owned(),
        load: load.to_owned(),
        series: vec![Series {
            peer: "ours, TCP".to_owned(),
            transport: "TCP".to_owned(),
            rounds: values
                .iter()
                .map(|value| [(measure.to_owned(), *value)].into())
                .collect(),
        }],
    });
}

fn verdict(results: &Results, load: &str) -> (Option<f64>, Verdict) {
    let judged = report::judge(results).unwrap();
    let mut rows = judged.iter();
    let row = rows.find(|row| row.load == load && row.ours == "ours, TCP");
    row.map(|row| (row.reached, row.verdict)).unwrap()
}

#[test]
fn isolation_is_judged_by_what_the_hog_adds_in_each_round() {
    let mut results = Results::default();
    add(
        &mut results,
        ("isolation", "alone"),
        "p99_us",
        &[100.0, 5000.0, 100.0],
    );
    add(
        &mut results,
        ("isolation", "beside a hog"),
        "p99_us",
        &[900.0, 6000.0, 4000.0],
    );

    assert_eq!(
        verdict(&results, "beside a hog"),
        (Some(1000.0), Verdict::Met)
    );
}

#[test]
fn isolation_beside_an_idle_hog_counts_as_not_measured() {
    let mut results = Results::default();
    add(&mut results, ("isolation", "alone"), "p99_us", &[100.0]);
    add(
        &mut results,
        ("isolation", "beside a hog"),
        "p99_us",
        &[100.0],
    );
    let series = &mut results.cases[1].series[0];
    series.rounds[0].insert("hog_mb_per_s".to_owned(), 0.5);

    assert_eq!(
        verdict(&results, "beside a hog"),
        (None, Verdict::NotMeasured)
    );
}

#[test]
fn growth_is_judged_by_the_largest_size_against_the_smallest() {
    let mut results = Results::default();
    add(
        &mut results,
        ("growth", "1 patterns"),
        "cpu_us",
        &[0.2, 0.2, 0.2],
    );
    add(
        &mut results,
        ("growth", "10000 patterns"),
        "cpu_us",
        &[0.4, 0.2, 0.4],
    );

    assert_eq!(
        verdict(&results, "10000 patterns"),
        (Some(2.0), Verdict::Missed)
    );
}

#[test]
fn idle_is_judged_by_the_figure_itself() {
    let mut results = Results::default();
    add(
        &mut results,
        ("idle", "10000 connections"),
        "memory_kib",
        &[0.9],
    );

    assert_eq!(
        verdict(&results, "10000 connections"),
        (Some(0.9), Verdict::Met)
    );
}
