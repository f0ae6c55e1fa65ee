//! The program run with a few messages, ours and the relay only.

use std::{fs, os::unix::fs::symlink, path::Path, process::Command};

use ipc_bench::results::Results;

const BENCH: &str = env!("CARGO_BIN_EXE_ipc-bench");

fn run(directory: &Path, arguments: &[&str]) -> Results {
    run_with(directory, &["ours", "raw relay"], arguments)
}

/// Runs it with the peers of these names, in the directory where others would be installed.
fn run_with(directory: &Path, peers: &[&str], arguments: &[&str]) -> Results {
    let output = directory.join("results.json");
    let done = Command::new(BENCH)
        .args(["--quick", "--rounds", "1", "--round-ms", "20"])
        .args(["--messages", "300"])
        .args(peers.iter().flat_map(|peer| ["--only", *peer]))
        .arg("--output")
        .arg(&output)
        .args(arguments)
        .env("IPC_BENCH", BENCH)
        .current_dir(directory)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{errors}");
    Results::load(&output).unwrap()
}

#[test]
fn every_call_that_is_sent_is_answered() {
    let directory = tempfile::tempdir().unwrap();

    let results = run(directory.path(), &["latency", "calls"]);

    assert_eq!(results.cases.len(), 9, "{:?}", results.skipped);
    for case in &results.cases {
        assert_eq!(case.series.len(), 4, "{}", case.load);
        for series in &case.series {
            let round = &series.rounds[0];
            assert!(0.0 < round["messages"], "{}: {}", case.load, series.peer);
            assert_eq!(
                round["sent"], round["messages"],
                "{}: {}",
                case.load, series.peer
            );
        }
    }
}

#[test]
fn every_event_reaches_every_listener() {
    let directory = tempfile::tempdir().unwrap();

    let results = run(directory.path(), &["fanout"]);

    for (load, n_listeners) in [("to 10, 64 B", 10.0), ("to 100, 1 KiB", 100.0)] {
        let case = results.case("fanout", load).unwrap();
        assert_eq!(case.series.len(), 4, "{:?}", results.skipped);
        for series in &case.series {
            let round = &series.rounds[0];
            assert!(0.0 < round["messages"], "{load}: {}", series.peer);
            assert_eq!(
                round["sent"] * n_listeners,
                round["messages"],
                "{}",
                series.peer
            );
        }
    }
}

#[test]
fn calls_are_answered_beside_a_hog_that_gets_through() {
    let directory = tempfile::tempdir().unwrap();

    let results = run(directory.path(), &["isolation", "--hog-bytes", "65536"]);

    let beside = results.case("isolation", "beside a hog").unwrap();
    assert_eq!(beside.series.len(), 4, "{:?}", results.skipped);
    for series in &beside.series {
        let round = &series.rounds[0];
        assert_eq!(round["sent"], round["messages"], "{}", series.peer);
        assert!(0.0 < round["hog_mb_per_s"], "{}", series.peer);
    }
}

#[test]
fn system_calls_are_counted_or_named_as_skipped() {
    let directory = tempfile::tempdir().unwrap();

    let results = run(directory.path(), &["syscalls"]);

    let Some(case) = results.case("syscalls", "calls 16×16") else {
        assert!(results.skipped.iter().any(|line| line.contains("strace")));
        return;
    };
    for series in &case.series {
        assert!(0.0 < series.rounds[0]["syscalls"], "{}", series.peer);
    }
}

#[test]
fn visits_and_libraries_are_measured() {
    let directory = tempfile::tempdir().unwrap();

    let results = run(directory.path(), &["churn", "library"]);

    let visits = results.case("churn", "connect, hello, one call, close");
    for series in &visits.unwrap().series {
        assert!(0.0 < series.rounds[0]["rate_per_s"], "{}", series.peer);
    }
    let library = results.case("library", "16×16, 64 B text").unwrap();
    let ours = &library.of("ours, Unix").unwrap().rounds[0];
    assert_eq!(ours["sent"], ours["messages"]);
}

#[test]
fn a_library_with_a_program_of_its_own_is_measured_by_what_that_says() {
    let directory = tempfile::tempdir().unwrap();
    let installed = directory.path().join("target/bench/peers/bin");
    fs::create_dir_all(&installed).unwrap();
    let stand_in = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/zenoh.sh");
    symlink(stand_in, installed.join("ipc-bench-zenoh")).unwrap();

    let results = run_with(directory.path(), &["zenoh"], &["latency", "library"]);

    assert_eq!(results.versions["zenoh"], "a stand-in");
    let latency = results.case("latency", "64 B text").unwrap();
    assert_eq!(latency.series, [], "nothing but its library speaks to it");
    for load in ["1×1", "1×64", "16×16"] {
        let case = results.case("library", &format!("{load}, 64 B text"));
        let zenoh = &case.unwrap().of("zenoh").unwrap().rounds[0];
        assert_eq!(zenoh["rate_per_s"], 2000.0, "{:?}", results.skipped);
        assert_eq!(zenoh["p50_us"], 250.0);
    }
}
