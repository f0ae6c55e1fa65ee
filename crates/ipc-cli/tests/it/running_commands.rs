//! `ipc serve --exec`: what becomes of the commands, and of what they start.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::{
    processes::{Fifo, child, container},
    tool::{Bus, Tool, after, after_in},
};

/// Waits for something that comes without telling.
#[track_caller]
fn eventually(bus: &Bus, what: &str, is_so: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < Duration::from_secs(60), "{what}");
        bus.print(&["ping", "-n", "1"]);
    }
}

#[test]
fn a_call_is_answered_when_the_command_ends_and_what_it_left_running_goes_on() {
    let bus = Bus::start();
    let (go, went) = (Fifo::new(), Fifo::new());
    let left = format!("{{ read go < {}; echo $go > {}; }}", go.path(), went.path());
    let command = format!("{left} & echo words >&2; echo started; [ $1 = well ]");
    let _serving = bus.serve("left", &["--exec", &command]);
    assert_eq!(bus.print(&["call", "left", "well"]), "\"started\"\n");
    go.tell("on");
    assert_eq!(went.open().wait_for_the_end(), "on\n");
    let ended = bus.run(&["call", "left", "badly"]);
    assert_eq!(
        (ended.code, ended.stderr.as_str()),
        (1, "ipc: left.badly: words\n")
    );
    go.tell("again");
    assert_eq!(went.open().wait_for_the_end(), "again\n");
}

/// As the help says: nobody reads it any more.
#[test]
fn what_was_left_running_ends_when_it_prints_to_the_pipe_of_a_command_that_has_ended() {
    let bus = Bus::start();
    let (go, status) = (Fifo::new(), Fifo::new());
    let late = format!("read go < {}; sh -c 'echo late'", go.path());
    let command = format!("{{ {late}; echo $? > {}; }} & echo 1", status.path());
    let _serving = bus.serve("late", &["--exec", &command]);
    assert_eq!(bus.print(&["call", "late", "m"]), "1\n");
    go.tell("on");
    assert_eq!(status.open().wait_for_the_end(), "141\n", "SIGPIPE");
}

#[test]
fn what_was_left_running_may_print_without_end() {
    let bus = Bus::start();
    let fifo = Fifo::new();
    let command = format!("{{ yes; echo > {}; }} & echo started", fifo.path());
    let _serving = bus.serve("yes", &["--exec", &command]);
    let ended = bus.run(&["call", "yes", "m"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.stdout.contains("started"), "{}", ended.stdout.len());
    // It does not go on for nobody.
    fifo.open().wait_for_the_end();
}

#[cfg(target_os = "linux")]
#[test]
fn what_calls_leave_running_takes_nothing_from_the_provider() {
    const N_CALLS: usize = 100;

    let bus = Bus::start();
    let fifo = Fifo::new();
    let command = format!("cat {} & echo 1", fifo.path());
    let serving = bus.serve("many", &["--exec", &command]);
    let client = bus.client();
    let call = || client.object("many").call::<i32>("m", &()).wait().unwrap();
    let held = || {
        let process = format!("/proc/{}", serving.child.id());
        let count = |what: &str| fs::read_dir(format!("{process}/{what}")).unwrap().count();
        (count("fd"), count("task"))
    };
    for _ in 0..10 {
        call();
    }
    let (n_files, n_threads) = held();
    for _ in 0..N_CALLS {
        assert_eq!(call(), 1);
    }
    let (n_files_then, n_threads_then) = held();
    assert!(
        n_files_then < n_files + 10,
        "{n_files_then} files, {n_files} before"
    );
    assert!(
        n_threads_then < n_threads + 10,
        "{n_threads_then} threads, {n_threads} before"
    );
    drop(File::options().write(true).open(fifo.path()).unwrap());
}

#[test]
fn commands_end_with_their_provider_whatever_ends_it() {
    for signal in [
        Signal::HUP,
        Signal::INT,
        Signal::QUIT,
        Signal::TERM,
        Signal::ALARM,
        Signal::USR1,
        Signal::USR2,
        Signal::XCPU,
    ] {
        let bus = Bus::start();
        let fifo = Fifo::new();
        // The shell stays, and its child holds the pipe open.
        let command = fifo.hold();
        let serving = bus.command(&["serve", "held", "--exec", &command]);
        let mut serving = Tool::start(after("ulimit -c 0", &serving));
        assert_eq!(serving.read_note(), "serving held");
        let caller = Tool::start(bus.command(&["call", "held", "m"]));
        let held = fifo.open();
        serving.send(signal);
        assert_eq!(held.wait_for_the_end(), "");
        let ended = caller.end();
        assert_eq!(ended.code, 7, "{ended:?}");
        assert!(ended.stderr.contains("left before answering"), "{ended:?}");
        assert_eq!(serving.end().signal, Some(signal.as_raw()));
    }
}

/// As when a terminal is closed: the system and the shell both say so.
#[test]
fn signals_that_come_in_pairs_leave_no_command_running() {
    let bus = Bus::start();
    for _ in 0..10 {
        let fifo = Fifo::new();
        let command = fifo.hold();
        let serving = bus.serve("held", &["--exec", &command]);
        let _caller = Tool::start(bus.command(&["call", "held", "m"]));
        let held = fifo.open();
        serving.send(Signal::TERM);
        serving.send(Signal::HUP);
        assert_eq!(held.wait_for_the_end(), "");
        assert!([129, 143].contains(&serving.end().code));
    }
}

#[test]
fn a_time_that_passes_ends_all_that_the_command_started() {
    let bus = Bus::start();
    let fifo = Fifo::new();
    let command = format!("{} & sleep 60", fifo.hold());
    let how = ["--exec", &command, "--timeout", "1s"];
    let _serving = bus.serve("slow", &how);
    let caller = Tool::start(bus.command(&["call", "slow", "m"]));
    assert_eq!(fifo.open().wait_for_the_end(), "");
    assert_eq!(caller.end().stderr, "ipc: slow.m: killed after 1s\n");
}

#[test]
fn a_provider_whose_parent_ignores_sigchld_knows_how_its_commands_end() {
    let bus = Bus::start();
    // dash does not ignore it.
    if Command::new("bash").arg("--version").output().is_err() {
        eprintln!("skipped: there is no bash");
        return;
    }
    let serving = bus.command(&["serve", "calc", "--exec", "echo $1; exit $1"]);
    let mut serving = Tool::start(after_in("bash", "trap '' CHLD", &serving));
    assert_eq!(serving.read_note(), "serving calc");
    for _ in 0..5 {
        assert_eq!(bus.print(&["call", "calc", "0"]), "0\n");
        let ended = bus.run(&["call", "calc", "3"]);
        assert_eq!(ended.stderr, "ipc: calc.3: exit status: 3\n");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_provider_whose_parent_blocks_sigchld_learns_that_its_commands_end() {
    let bus = Bus::start();
    let mut blocking = Command::new("env");
    blocking.arg("--block-signal=CHLD");
    if !blocking
        .arg("true")
        .status()
        .is_ok_and(|status| status.success())
    {
        eprintln!("skipped: this env does not block signals");
        return;
    }
    let serving = bus.command(&["serve", "calc", "--exec", "exit $1"]);
    let serving = after("exec env --block-signal=CHLD \"$0\" \"$@\"", &serving);
    let mut serving = Tool::start(serving);
    assert_eq!(serving.read_note(), "serving calc");
    for _ in 0..5 {
        let ended = bus.run(&["call", "calc", "3", "--timeout", "20s"]);
        assert_eq!(ended.stderr, "ipc: calc.3: exit status: 3\n");
    }
}

/// The children of a process, those that nobody has waited for included.
#[cfg(target_os = "linux")]
fn n_children(id: u32) -> usize {
    let tasks = fs::read_dir(format!("/proc/{id}/task")).unwrap();
    let children = |task: &Path| fs::read_to_string(task.join("children")).unwrap_or_default();
    let lists = tasks.map(|task| children(&task.unwrap().path()));
    lists.map(|list| list.split_whitespace().count()).sum()
}

#[cfg(target_os = "linux")]
#[test]
fn children_that_the_provider_did_not_start_leave_no_zombies() {
    let bus = Bus::start();
    let serving = bus.command(&["serve", "calc", "--exec", "exit $1"]);
    let mut serving = Tool::start(after("sleep 0 & sleep 0.01 & sleep 0.3 &", &serving));
    assert_eq!(serving.read_note(), "serving calc");
    let ended = bus.run(&["call", "calc", "3"]);
    assert_eq!(ended.stderr, "ipc: calc.3: exit status: 3\n");
    eventually(&bus, "a zombie stays", || {
        n_children(serving.child.id()) == 0
    });
}

#[cfg(target_os = "linux")]
#[test]
fn as_the_first_process_of_a_container_it_leaves_no_zombies_and_mixes_up_no_commands() {
    let bus = Bus::start();
    // A subshell that ends first leaves its child to the first process.
    let command = "(sh -c 'sleep 0.0$1' &) ; (true &) ; exit $1";
    let serving = bus.command(&["serve", "calc", "--exec", command]);
    let Some(mut container) = container(&serving) else {
        return;
    };
    assert_eq!(container.read_note(), "serving calc");
    let client = bus.client();
    std::thread::scope(|scope| {
        for thread in 1..=4 {
            let client = &client;
            scope.spawn(move || {
                for _ in 0..15 {
                    let method = thread.to_string();
                    let called = client.object("calc").call::<String>(&method, &());
                    let error = called.wait().unwrap_err().to_string();
                    assert!(error.contains(&format!("exit status: {thread}")), "{error}");
                }
            });
        }
    });
    let first = child(&container).as_raw_nonzero().get().unsigned_abs();
    eventually(&bus, "a zombie stays", || n_children(first) == 0);
}

#[test]
fn whatever_a_command_does_with_its_pipes_its_end_is_the_answer() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("long.json");
    fs::write(&path, format!("\"{}\"", "x".repeat(300_000))).unwrap();
    let long = format!("@{}", path.display());
    let long_response = format!("\"{}\"\n", "x".repeat(1 << 20));
    for (command, code, said) in [
        ("echo 1; exec >&-; exec 2>&-; exec <&-; true", 0, "1\n"),
        ("echo 1; exec >&- 2>&- <&-; exit 3", 1, "exit status: 3"),
        ("true", 0, "\"\"\n"),
        ("exec <&-; echo 1", 0, "1\n"),
        (
            "head -c 1048576 /dev/zero | tr '\\0' x",
            0,
            long_response.as_str(),
        ),
        ("yes", 1, "it printed more than 16 MiB"),
        ("kill -9 $$", 1, "signal: 9 (SIGKILL)"),
        ("echo no >&2; kill $$", 1, "no (signal: 15 (SIGTERM))"),
        ("no-such-command", 1, "not found"),
        ("printf '\\377'", 1, "not UTF-8"),
    ] {
        let serving = bus.serve("o", &["--exec", command]);
        let ended = bus.run(&["call", "o", "m", &long]);
        assert_eq!(ended.code, code, "{command}: {}", ended.stderr);
        let text = if code == 0 {
            &ended.stdout
        } else {
            &ended.stderr
        };
        assert!(text.contains(said), "{command}: {}", ended.stderr);
        serving.interrupt();
        serving.end();
    }
}

#[test]
fn an_error_is_short_however_much_the_command_complains() {
    let bus = Bus::start();
    let complain = "head -c 1048576 /dev/zero | tr '\\0' e >&2; exit 1";
    let _serving = bus.serve("loud", &["--exec", complain]);
    let ended = bus.run(&["call", "loud", "m"]);
    assert_eq!(ended.code, 1);
    assert!(
        (1000..5000).contains(&ended.stderr.len()),
        "{}",
        ended.stderr.len()
    );
}
