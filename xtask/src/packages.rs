//! Programs that checks use and a fresh machine lacks: installed by the system's package manager
//! where this process may do that.

use std::process::Command;

use crate::process::{output, run, say, works};

/// A program, and the Debian package it comes in.
const PROGRAMS: [(&str, &str); 1] = [("valgrind", "valgrind")];

/// Installs what is missing on a Debian system when run as root; elsewhere the checks that need it
/// say what they skip.
pub(crate) fn install() {
    let missing: Vec<&str> = PROGRAMS
        .into_iter()
        .filter(|(program, _)| !works(Command::new(program).arg("--version")))
        .map(|(_, package)| package)
        .collect();
    if missing.is_empty() || !may_install() {
        return;
    }
    say(&format!("== installing {}", missing.join(", ")));
    let installed = run(apt_get().arg("update")).and_then(|()| {
        let install = ["install", "--yes", "--no-install-recommends"];
        run(apt_get().args(install).args(&missing))
    });
    if let Err(error) = installed {
        say(&format!("not installed: {error:#}"));
    }
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command
        .args(["-qq", "-o", "Dpkg::Use-Pty=0"])
        .env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn may_install() -> bool {
    let is_root = output(Command::new("id").arg("-u"));
    is_root.is_ok_and(|uid| uid.trim() == "0") && works(Command::new("apt-get").arg("--version"))
}
