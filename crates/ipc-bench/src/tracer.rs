//! Counting the system calls of a broker from outside, by `perf` or else `strace`.
//!
//! Both slow the broker down, `strace` by much: nothing is timed meanwhile.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    path::PathBuf,
    process::{Child, ChildStdin, Command, Stdio},
};

use anyhow::{Context, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

const PERF_EVENT: &str = "raw_syscalls:sys_enter";

/// What counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tracer {
    Perf,
    Strace,
}

impl Tracer {
    /// Whichever of them works here.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let works = |command: &mut Command| {
            let quiet = command
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            quiet.status().is_ok_and(|status| status.success())
        };
        if works(Command::new("perf").args(["stat", "-e", PERF_EVENT, "true"])) {
            return Ok(Self::Perf);
        }
        if works(Command::new("strace").args(["-c", "-o", "/dev/null", "true"])) {
            return Ok(Self::Strace);
        }
        bail!("neither perf nor strace may trace here");
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Perf => "perf",
            Self::Strace => "strace",
        }
    }

    /// Counts from now on what these processes do, all their threads included.
    pub(crate) fn start(self, pids: &[u32], file: PathBuf) -> anyhow::Result<Tracing> {
        match self {
            Self::Perf => perf(pids, file),
            Self::Strace => strace(pids, file),
        }
    }
}

/// A count that is going on.
#[derive(Debug)]
pub(crate) struct Tracing {
    tracer: Tracer,
    child: Child,
    /// Keeps the way open by which `perf` is told what to do.
    orders: Option<ChildStdin>,
    file: PathBuf,
}

impl Tracing {
    /// The number of calls since the start.
    pub(crate) fn finish(mut self) -> anyhow::Result<u64> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.context("no process")?, Signal::INT)?;
        self.child.wait()?;
        let text = fs::read_to_string(&self.file).context("the tracer wrote nothing")?;
        let count = match self.tracer {
            Tracer::Perf => perf_count(&text),
            Tracer::Strace => strace_count(&text),
        };
        count.with_context(|| format!("no number of system calls in {text:?}"))
    }
}

impl Drop for Tracing {
    fn drop(&mut self) {
        // It has ended, unless something failed.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// It is told when to begin, and answers: from then on everything is counted.
fn perf(pids: &[u32], file: PathBuf) -> anyhow::Result<Tracing> {
    let pids: Vec<_> = pids.iter().map(ToString::to_string).collect();
    let mut child = Command::new("perf")
        .args(["stat", "-x", ",", "-e", PERF_EVENT])
        .args(["-D", "-1", "--control", "fd:0,1", "-p", &pids.join(",")])
        .arg("-o")
        .arg(&file)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .context("cannot start perf")?;
    let mut orders = child.stdin.take().context("no way to tell perf")?;
    let answers = child.stdout.take().context("no way to hear perf")?;
    let mut tracing = Tracing {
        tracer: Tracer::Perf,
        child,
        orders: None,
        file,
    };
    orders.write_all(b"enable\n")?;
    let mut answer = String::new();
    BufReader::new(answers).read_line(&mut answer)?;
    ensure!(answer.contains("ack"), "perf does not begin");
    tracing.orders = Some(orders);
    Ok(tracing)
}

/// It says of each process when it has hold of it.
fn strace(pids: &[u32], file: PathBuf) -> anyhow::Result<Tracing> {
    let mut command = Command::new("strace");
    command.args(["-c", "-f", "-o"]).arg(&file);
    for pid in pids {
        command.args(["-p", &pid.to_string()]);
    }
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .context("cannot start strace")?;
    let errors = child.stderr.take().context("no way to hear strace")?;
    let mut errors = BufReader::new(errors).lines();
    for _ in pids {
        let line = errors.next().context("strace ended")??;
        ensure!(line.contains("attached"), "{line}");
    }
    // What else it says must not fill the pipe.
    std::thread::spawn(move || errors.count());
    Ok(Tracing {
        tracer: Tracer::Strace,
        child,
        orders: None,
        file,
    })
}

/// Of a line such as `109,,raw_syscalls:sys_enter,954072,100.00,,`.
fn perf_count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(PERF_EVENT))?;
    let count = line.split(',').next()?;
    // Whoever made no call at all was not counted.
    if count == "<not counted>" {
        return Some(0);
    }
    count.parse().ok()
}

/// Of the last line of a table: share, seconds, microseconds a call, calls, failed ones, `total`.
fn strace_count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.ends_with(" total"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_of_perf_is_the_first_field() {
        let text = "# started\n\n109,,raw_syscalls:sys_enter,954072,100.00,,\n";

        assert_eq!(perf_count(text), Some(109));
        assert_eq!(
            perf_count("<not counted>,,raw_syscalls:sys_enter,0,100.00,,\n"),
            Some(0)
        );
    }

    #[test]
    fn the_count_of_strace_is_in_the_line_of_totals() {
        let text = "% time     seconds  usecs/call     calls    errors syscall\n\
                    ------ ----------- ----------- --------- --------- -----------\n \
                    60.00    0.000600           1       500           write\n \
                    40.00    0.000400           1       400         7 read\n\
                    ------ ----------- ----------- --------- --------- -----------\n\
                    100.00    0.001000           1       900         7 total\n";

        assert_eq!(strace_count(text), Some(900));
    }
}
