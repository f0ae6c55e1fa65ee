//! `cargo xtask bench`: builds the server and the benchmark with optimisation, and runs it.

use crate::process::{self, cargo, release_binary, root};

/// Hands the arguments on to `ipc-bench`.
pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let build = ["build", "--release", "--locked", "-p"];
    process::run(cargo().args(build).arg("ipc-server"))?;
    process::run(
        cargo()
            .args(build)
            .args(["ipc-bench", "--features", "peers"]),
    )?;
    let mut bench = std::process::Command::new(release_binary("ipc-bench"));
    bench.current_dir(root());
    let has_server = arguments
        .iter()
        .any(|argument| argument.starts_with("--server"));
    if !has_server {
        bench.arg("--server").arg(release_binary("ipc-server"));
    }
    process::run(bench.args(arguments))
}
