//! `cargo xtask ci`: exactly what CI runs.

use std::{collections::BTreeSet, process::Command};

use anyhow::bail;

use crate::{
    instructions, packages,
    process::{self, cargo, output, root, say, works},
    suite,
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

/// Every check and test, as CI runs them; the last line of the output says how many tests passed.
pub(crate) fn run() -> anyhow::Result<()> {
    packages::install();
    let mut skipped = Vec::new();
    skipped.extend(format()?);
    skipped.extend(clippy()?);
    headline("documentation");
    let doc = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    process::run(cargo().env("RUSTDOCFLAGS", "-D warnings").args(doc))?;
    skipped.extend(wasm()?);
    client_budget()?;
    headline("instructions of the hot path");
    skipped.extend(instructions::check(false)?);
    skipped.extend(optional_tools()?);
    headline("tests");
    let counts = suite::run(CI_SIMULATIONS, &[])?;
    for reason in skipped {
        headline(&format!("skipped: {reason}"));
    }
    say(&format!("all: {counts}"));
    Ok(())
}

/// The long forms of the tests, with optimisation.
pub(crate) fn slow() -> anyhow::Result<()> {
    let features = "ipc-server/slow-tests,ipc-cli/slow-tests";
    let arguments = ["--release", "--features", features];
    let counts = suite::run(SLOW_SIMULATIONS, &arguments)?;
    say(&format!("all: {counts}"));
    Ok(())
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

/// Why a check was skipped, if it was.
type Skipped = Option<String>;

fn format() -> anyhow::Result<Skipped> {
    if !works(cargo().args(["fmt", "--version"])) {
        return Ok(Some("format, rustfmt is not installed".to_owned()));
    }
    headline("format");
    process::run(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(None)
}

fn clippy() -> anyhow::Result<Skipped> {
    if !works(cargo().args(["clippy", "--version"])) {
        return Ok(Some("clippy, it is not installed".to_owned()));
    }
    headline("clippy");
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        "--locked",
        "--quiet",
    ];
    process::run(cargo().args(clippy).args(["--", "-D", "warnings"]))?;
    Ok(None)
}

/// The crates that do no I/O build where there is none.
fn wasm() -> anyhow::Result<Skipped> {
    const TARGET: &str = "wasm32-unknown-unknown";
    let installed =
        output(Command::new("rustc").args(["--print", "sysroot"])).is_ok_and(|sysroot| {
            std::path::Path::new(sysroot.trim())
                .join("lib/rustlib")
                .join(TARGET)
                .exists()
        });
    if !installed {
        return Ok(Some(format!("{TARGET}, the target is not installed")));
    }
    headline(TARGET);
    let build = [
        "build", "--locked", "-p", "ipc-wire", "-p", "ipc-core", "--target", TARGET,
    ];
    process::run(cargo().args(build))?;
    Ok(None)
}

fn optional_tools() -> anyhow::Result<Vec<String>> {
    let mut skipped = Vec::new();
    for (tool, arguments) in OPTIONAL_TOOLS {
        if works(Command::new(tool).arg("--version")) {
            headline(tool);
            process::run(Command::new(tool).current_dir(root()).args(arguments))?;
        } else {
            skipped.push(format!("{tool}, it is not installed"));
        }
    }
    Ok(skipped)
}

fn headline(text: &str) {
    say(&format!("== {text}"));
}
