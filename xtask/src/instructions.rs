//! `cargo xtask instructions`: what messages take on the way through the decoder and the broker,
//! in instructions, which unlike seconds do not depend on the machine's mood.

use std::{collections::BTreeMap, process::Command};

use anyhow::{Context, bail};

use crate::process::{cargo, output, release_binary, root, run, say, works};

/// How much more than recorded a work may take.
const TOLERANCE_PERCENT: u64 = 10;

/// How often each work is done in the shorter of two runs; the longer one does it three times as
/// often, and what starting takes is in both.
const TIMES: [(&str, u64); 4] = [
    ("call", 16_000),
    ("fan-out", 1_600),
    ("names", 16_000),
    ("payload", 320),
];

/// Where the counts are recorded.
const RECORD: &str = "crates/ipc-core/examples/hot_path.instructions";

/// Compares with the record, or makes it anew; returns why it was skipped, if it was.
pub(crate) fn check(is_recording: bool) -> anyhow::Result<Option<String>> {
    if !works(Command::new("valgrind").arg("--version")) {
        return Ok(Some("instructions, valgrind is not installed".to_owned()));
    }
    let compiler = output(Command::new("rustc").arg("--version"))?
        .trim()
        .to_owned();
    let build = [
        "build",
        "--locked",
        "--release",
        "--quiet",
        "-p",
        "ipc-core",
    ];
    run(cargo().args(build).args(["--example", "hot_path"]))?;
    let counted = TIMES.map(|(work, times)| count(work, times).map(|count| (work, count)));
    let counted: BTreeMap<&str, u64> = counted.into_iter().collect::<anyhow::Result<_>>()?;
    let path = root().join(RECORD);
    if is_recording {
        let lines = counted
            .iter()
            .map(|(work, count)| format!("{work} {count}\n"));
        std::fs::write(&path, format!("{compiler}\n{}", lines.collect::<String>()))?;
        say(&format!("recorded in {RECORD}: {counted:?}"));
        return Ok(None);
    }
    let record = std::fs::read_to_string(&path).with_context(|| format!("cannot read {RECORD}"))?;
    let mut lines = record.lines();
    if lines.next() != Some(&compiler) {
        return Ok(Some(format!(
            "instructions, they were not recorded with {compiler}"
        )));
    }
    let mut grown = Vec::new();
    for line in lines {
        let (work, recorded) = line
            .split_once(' ')
            .with_context(|| format!("{RECORD}: {line}"))?;
        let recorded: u64 = recorded
            .parse()
            .with_context(|| format!("{RECORD}: {line}"))?;
        let count = *counted
            .get(work)
            .with_context(|| format!("{RECORD}: no work {work}"))?;
        say(&format!(
            "{work}: {count} instructions, recorded {recorded}"
        ));
        if recorded * (100 + TOLERANCE_PERCENT) < count * 100 {
            grown.push(work);
        }
    }
    if !grown.is_empty() {
        bail!(
            "{grown:?} takes over 10 % more than recorded; if that is worth it, say why and run \
             cargo xtask instructions --record"
        );
    }
    Ok(None)
}

/// What one time of a work takes.
fn count(work: &str, times: u64) -> anyhow::Result<u64> {
    let (short, long) = (total(work, times)?, total(work, 3 * times)?);
    Ok((long - short) / (2 * times))
}

/// What a whole run takes.
fn total(work: &str, times: u64) -> anyhow::Result<u64> {
    let example = release_binary("examples/hot_path");
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    let ran = valgrind
        .arg(example)
        .args([work, &times.to_string()])
        .output()?;
    let text = String::from_utf8_lossy(&ran.stderr);
    let collected = text
        .lines()
        .find_map(|line| line.split_once("Collected : "));
    let (_, collected) = collected.with_context(|| format!("callgrind says: {text}"))?;
    collected
        .trim()
        .parse()
        .with_context(|| format!("callgrind counts {collected:?}"))
}
