//! Broker processes: started on a core of their own, measured from outside, ended with us.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
};

use anyhow::{Context, bail};
use rustix::{
    process::{Pid, Signal, set_parent_process_death_signal},
    thread::{CpuSet, sched_setaffinity},
};

/// The core of the brokers.
pub(crate) const BROKER_CORE: usize = 0;

/// The core of the load.
pub(crate) const LOAD_CORE: usize = 1;

/// Keeps this process on one core, where there are two.
pub(crate) fn pin(core: usize) -> anyhow::Result<()> {
    if std::thread::available_parallelism()?.get() == 1 && n_cores() == 1 {
        return Ok(());
    }
    let mut cores = CpuSet::new();
    cores.set(core);
    sched_setaffinity(None::<Pid>, &cores).with_context(|| format!("cannot move to core {core}"))
}

/// How many cores the machine has.
pub(crate) fn n_cores() -> usize {
    fs::read_to_string("/proc/cpuinfo").map_or(1, |text| {
        text.lines()
            .filter(|line| line.starts_with("processor"))
            .count()
    })
}

/// Becomes another program, on one core, that ends when the benchmark does.
pub(crate) fn become_pinned(core: usize, command: &[String]) -> anyhow::Result<()> {
    pin(core)?;
    set_parent_process_death_signal(Some(Signal::TERM)).context("cannot follow the benchmark")?;
    let (program, arguments) = command.split_first().context("no program")?;
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {program}"))
}

/// A running broker.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// As one would type it.
    pub(crate) command: String,
}

impl Process {
    /// Starts a program on the brokers' core, its errors thrown away.
    pub(crate) fn start(program: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let bench = std::env::current_exe()?;
        let child = Command::new(bench)
            .args(["pinned", &BROKER_CORE.to_string(), "--", program])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let command = std::iter::once(program)
            .chain(arguments.iter().map(String::as_str))
            .collect::<Vec<_>>()
            .join(" ");
        Ok(Self { child, command })
    }

    /// The first lines of its output.
    pub(crate) fn lines(&mut self, n_lines: usize) -> anyhow::Result<Vec<String>> {
        let output = self.child.stdout.take().context("the output is taken")?;
        let lines: Result<Vec<_>, _> = BufReader::new(output).lines().take(n_lines).collect();
        let lines = lines?;
        if lines.len() < n_lines {
            bail!("{} ended before it was ready", self.command);
        }
        Ok(lines)
    }

    /// The nanoseconds that the process and its children have run, in all their threads.
    pub(crate) fn cpu_ns(&self) -> anyhow::Result<u64> {
        let mut total = 0;
        for pid in self.pids() {
            // A thread may end while the list is read.
            for task in fs::read_dir(format!("/proc/{pid}/task"))?.flatten() {
                let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
                total += text
                    .split_whitespace()
                    .next()
                    .and_then(|ns| ns.parse::<u64>().ok())
                    .unwrap_or_default();
            }
        }
        Ok(total)
    }

    /// The memory that the process and its children hold, in KiB.
    pub(crate) fn memory_kib(&self) -> u64 {
        let resident = |pid: u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
            let line = status
                .lines()
                .find_map(|line| line.strip_prefix("VmRSS:"))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        self.pids().into_iter().filter_map(resident).sum()
    }

    fn pids(&self) -> Vec<u32> {
        let mut pids = vec![self.child.id()];
        let mut next = 0;
        while let Some(pid) = pids.get(next) {
            let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
            let children = children.unwrap_or_default();
            pids.extend(
                children
                    .split_whitespace()
                    .filter_map(|pid| pid.parse::<u32>().ok()),
            );
            next += 1;
        }
        pids
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself; children of it follow it.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_has_a_core() {
        assert!(0 < n_cores());
    }
}
