//! The report of a small run that is kept as a file.

use std::{fs, path::Path};

use ipc_bench::{report, results::Results};

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
