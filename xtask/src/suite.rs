//! Running the tests, and counting them.

use std::{
    io::{BufRead, BufReader},
    process::Stdio,
};

use anyhow::{Context, bail};

use crate::process::{cargo, say};

/// How many tests ran, and how they ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Counts {
    passed: u64,
    failed: u64,
    ignored: u64,
}

/// Runs every test, those in the documentation included, as a machine with a Rust toolchain and
/// nothing else does: by `cargo test`, which builds the examples that some tests run.
///
/// Other runners build and isolate differently, and would hide what fails there.
///
/// # Errors
///
/// When a test fails, and when none ran.
pub(crate) fn run(simulations: &str, arguments: &[&str]) -> anyhow::Result<Counts> {
    let mut command = cargo();
    command
        .env("IPC_SIM_SEEDS", simulations)
        .args(["test", "--workspace", "--locked", "--no-fail-fast"])
        .args(arguments)
        .stdout(Stdio::piped());
    let mut child = command.spawn().context("cannot run cargo test")?;
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).split(b'\n') {
            let line = line.context("cannot read what cargo test prints")?;
            let line = String::from_utf8_lossy(&line);
            say(&line);
            counts.add(&line);
        }
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("cargo test failed ({counts})");
    }
    if counts.passed == 0 {
        bail!("cargo test ran no test");
    }
    Ok(counts)
}

impl Counts {
    /// Adds the summary of one test binary; any other line counts nothing.
    fn add(&mut self, line: &str) {
        let Some((_, summary)) = line
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in summary.split("; ") {
            let Some((number, word)) = part.split_once(' ') else {
                continue;
            };
            let number = number.parse().unwrap_or(0);
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

impl std::fmt::Display for Counts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if 0 < self.ignored {
            write!(f, ", {} skipped", self.ignored)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summaries_of_test_binaries_add_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test a ... ok",
            "test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 4 filtered out; finished in 0.1s",
            "test result: FAILED. 7 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.2s",
        ] {
            counts.add(line);
        }
        assert_eq!(counts.to_string(), "9 passed, 1 failed, 1 skipped");
    }
}
