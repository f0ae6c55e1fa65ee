//! The fuzzer's seed corpus, in `fuzz/corpus/decode`, through the fuzzer's own checks.

use std::path::PathBuf;

use crate::{corpus, harness};

fn seeds() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/decode")
}

#[test]
fn every_seed_keeps_all_rules() {
    let mut n_seeds = 0;
    for entry in std::fs::read_dir(seeds()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        let seed = std::fs::read(path).unwrap();
        harness::check(&seed);
        harness::check_payload(&seed);
        n_seeds += 1;
    }
    assert!(
        24 <= n_seeds,
        "the seed corpus is not where it was: {n_seeds} files"
    );
}

#[test]
fn every_beginning_of_every_stream_keeps_all_rules() {
    for case in corpus::streams() {
        let longest = case.bytes.len().min(300);
        for len in 0..=longest {
            harness::check_stream(&case.bytes[..len], &[5, 1]);
        }
    }
}
