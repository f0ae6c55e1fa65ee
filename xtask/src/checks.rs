//! `cargo xtask ci`: exactly what CI runs.

use std::{collections::BTreeSet, process::Command};

use anyhow::bail;

use crate::{
    instructions,
    process::{self, cargo, output, root, works},
};

/// The most crates that an application takes in with the client library, itself included: what
/// tokio, serde and thiserror need, and nothing else.
const CLIENT_CRATES: usize = 26;

/// Simulations that CI runs; the everyday run has fewer.
const CI_SIMULATIONS: &str = "256";

/// Simulations of the long form.
const SLOW_SIMULATIONS: &str = "10000";

/// Checks by tools that are used where they are installed: the tool, and its command line.
const OPTIONAL_TOOLS: [(&str, &[&str]); 3] = [
    ("cargo-deny", &["check", "bans", "licenses", "sources"]),
    ("typos", &[]),
    ("taplo", &["fmt", "--check"]),
];

/// Every check and test, as CI runs them.
pub(crate) fn run() -> anyhow::Result<()> {
    format()?;
    clippy()?;
    headline("documentation");
    let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    process::run(cargo().env("RUSTDOCFLAGS", "-D warnings").args(doc))?;
    wasm()?;
    client_budget()?;
    headline("instructions of the hot path");
    instructions::check(false)?;
    optional_tools()?;
    headline("examples in the documentation");
    process::run(cargo().args(["test", "--workspace", "--doc", "--locked", "--quiet"]))?;
    tests(CI_SIMULATIONS, &[])
}

/// The long forms of the tests, with optimisation.
pub(crate) fn slow() -> anyhow::Result<()> {
    tests(
        SLOW_SIMULATIONS,
        &["--release", "--features", "ipc-server/slow-tests"],
    )
}

/// Counts the crates of the client library.
pub(crate) fn client_budget() -> anyhow::Result<()> {
    headline("crates of the client library");
    let tree = [
        "tree",
        "--locked",
        "-p",
        "ipc-client",
        "-e",
        "normal",
        "--prefix",
        "none",
    ];
    let tree = output(cargo().args(tree).args(["--format", "{p}"]))?;
    let names = tree
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    let names: BTreeSet<_> = names.collect();
    if CLIENT_CRATES < names.len() {
        bail!(
            "the client library takes in {} crates: {names:?}",
            names.len()
        );
    }
    say(&format!("{} of at most {CLIENT_CRATES}", names.len()));
    Ok(())
}

fn format() -> anyhow::Result<()> {
    if !works(cargo().args(["fmt", "--version"])) {
        headline("format: skipped, rustfmt is not installed");
        return Ok(());
    }
    headline("format");
    process::run(cargo().args(["fmt", "--all", "--check"]))
}

fn clippy() -> anyhow::Result<()> {
    if !works(cargo().args(["clippy", "--version"])) {
        headline("clippy: skipped, it is not installed");
        return Ok(());
    }
    headline("clippy");
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ];
    process::run(cargo().args(clippy).args(["--", "-D", "warnings"]))
}

/// The crates that do no I/O build where there is none.
fn wasm() -> anyhow::Result<()> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed =
        output(Command::new("rustc").args(["--print", "sysroot"])).is_ok_and(|sysroot| {
            std::path::Path::new(sysroot.trim())
                .join("lib/rustlib")
                .join(TARGET)
                .exists()
        });
    if !installed {
        headline(&format!("{TARGET}: skipped, the target is not installed"));
        return Ok(());
    }
    headline(TARGET);
    let build = [
        "build", "--locked", "-p", "ipc-wire", "-p", "ipc-core", "--target", TARGET,
    ];
    process::run(cargo().args(build))
}

fn optional_tools() -> anyhow::Result<()> {
    for (tool, arguments) in OPTIONAL_TOOLS {
        if works(Command::new(tool).arg("--version")) {
            headline(tool);
            process::run(Command::new(tool).current_dir(root()).args(arguments))?;
        } else {
            headline(&format!("{tool}: skipped, it is not installed"));
        }
    }
    Ok(())
}

/// Runs the tests by nextest where it is installed; the runner's summary is the last output.
fn tests(simulations: &str, arguments: &[&str]) -> anyhow::Result<()> {
    headline("tests");
    let nextest = works(cargo().args(["nextest", "--version"]));
    let runner: &[&str] = if nextest {
        &["nextest", "run"]
    } else {
        &["test", "--all-targets"]
    };
    let mut tests = cargo();
    tests.env("IPC_SIM_SEEDS", simulations).args(runner);
    process::run(tests.args(["--workspace", "--locked"]).args(arguments))
}

fn headline(text: &str) {
    say(&format!("== {text}"));
}

#[expect(clippy::print_stdout, reason = "the command's output")]
fn say(text: &str) {
    println!("{text}");
}
