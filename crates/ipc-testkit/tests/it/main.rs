//! The fuzzer's seed corpus of `broker_ops`, and what a fuzzer would try first.

use std::path::PathBuf;

use ipc_testkit::{Prng, broker_ops};

fn corpus() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus/broker_ops")
}

#[test]
fn every_seed_of_the_corpus_keeps_all_rules() {
    let mut n_seeds = 0;
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display());
        broker_ops(&std::fs::read(path).unwrap());
        n_seeds += 1;
    }
    assert!(12 <= n_seeds, "the seed corpus is not where it was");
}

#[test]
fn every_beginning_of_every_seed_keeps_all_rules() {
    for entry in std::fs::read_dir(corpus()).unwrap() {
        let data = std::fs::read(entry.unwrap().path()).unwrap();
        for len in (0..data.len()).step_by(7) {
            broker_ops(&data[..len]);
        }
    }
}

#[test]
fn random_scripts_keep_all_rules() {
    let mut prng = Prng::new(0);
    for _ in 0..150 {
        let len = prng.below(600);
        let data: Vec<u8> = (0..len).map(|_| prng.next().to_be_bytes()[0]).collect();
        broker_ops(&data);
    }
}
