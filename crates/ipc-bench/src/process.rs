//! Broker processes: started on a core of their own, measured from outside, ended with us.

use std::{
    fs,
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    process::{Child, ChildStdout, Command, Stdio},
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

/// What brokers read from their environment.
const ENVIRONMENT: [(&str, &str); 2] = [
    // Nobody's log is written while the others write none: this is ipc-broker's.
    ("BROKER_DEBUG", "error"),
    // One thread for one core. With zenoh's usual six, a lone call takes nearly twice as long, and
    // costs the router twice as much.
    (
        "ZENOH_RUNTIME",
        "(rx: (handover: app), tx: (handover: app), acc: (handover: app), net: (handover: app), \
         app: (worker_threads: 1))",
    ),
];

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

/// Becomes another program, on one core, that ends when the benchmark does. In the background,
/// it runs only while nobody else wants the core.
pub(crate) fn become_pinned(
    core: usize,
    in_background: bool,
    command: &[String],
) -> anyhow::Result<()> {
    pin(core)?;
    set_parent_process_death_signal(Some(Signal::TERM)).context("cannot follow the benchmark")?;
    let (program, arguments) = command.split_first().context("no program")?;
    if in_background {
        // The scheduler's class for idle time, or the lowest priority where it cannot be had.
        let class = ["--idle", "0", program];
        let error = Command::new("chrt").args(class).args(arguments).exec();
        crate::progress(&format!("chrt: {error}"));
        rustix::process::nice(19).context("cannot step back")?;
    }
    let error = Command::new(program).args(arguments).exec();
    Err(error).with_context(|| format!("cannot run {program}"))
}

/// Tells the process that started this one.
#[expect(clippy::print_stdout, reason = "how the benchmark hears of its parts")]
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// How a process of the benchmark is started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Launch<'a> {
    pub(crate) program: &'a str,
    pub(crate) arguments: &'a [String],
    pub(crate) core: usize,
    /// Whether everybody else on the core goes first.
    pub(crate) in_background: bool,
    /// Whether its output is read; otherwise it goes nowhere, so that it never waits for a reader.
    pub(crate) is_heard: bool,
}

impl<'a> Launch<'a> {
    /// A broker: on the brokers' core.
    pub(crate) fn broker(program: &'a str, arguments: &'a [String]) -> Self {
        Self {
            program,
            arguments,
            core: BROKER_CORE,
            in_background: false,
            is_heard: false,
        }
    }
}

/// A running broker, or a load beside the measured one.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    pub(crate) program: String,
    /// As one would type it.
    pub(crate) command: String,
}

impl Process {
    /// Starts a program, its errors thrown away.
    pub(crate) fn start(launch: Launch<'_>) -> anyhow::Result<Self> {
        let Launch {
            program, arguments, ..
        } = launch;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(["pinned", &launch.core.to_string()]);
        if launch.in_background {
            command.arg("--background");
        }
        let output = if launch.is_heard {
            Stdio::piped()
        } else {
            Stdio::null()
        };
        let mut child = command
            .args(["--", program])
            .args(arguments)
            .envs(ENVIRONMENT)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {program}"))?;
        let typed = std::iter::once(program)
            .chain(arguments.iter().map(String::as_str))
            .collect::<Vec<_>>();
        Ok(Self {
            output: child.stdout.take().map(BufReader::new),
            child,
            program: program.to_owned(),
            command: typed.join(" "),
        })
    }

    /// The next line of its output.
    pub(crate) fn line(&mut self) -> anyhow::Result<String> {
        let output = self.output.as_mut().context("nobody listens to it")?;
        let mut line = String::new();
        if output.read_line(&mut line)? == 0 {
            bail!("it ended before its time");
        }
        Ok(line.trim().to_owned())
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

    /// The process and all that descend from it.
    pub(crate) fn pids(&self) -> Vec<u32> {
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
