//! A command that a signal ends is no success, and dies of the signal as a shell expects it.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::{
    processes::{Fifo, container, kill_child},
    tool::{Bus, Tool, after, heed_signals, ipc, run},
};

const ENDING: [Signal; 4] = [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM];

/// Does not leave a file behind where a signal writes one.
const NO_CORE: &str = "ulimit -c 0";

#[test]
fn whatever_a_command_waits_for_it_dies_of_the_signal() {
    let bus = Bus::start();
    let connected = ["listen", "ipc.client.connected"];
    let mut observer = bus.start_tool(&connected, "listening to ipc.client.connected");
    let _slow = bus.serve("slow", &["--exec", "sleep 60"]);
    observer.read_line();
    let mut stay_silent = Vec::new();
    for args in [
        &["listen", "e"][..],
        &["listen", "e", "-n", "1"],
        &["listen", "e", "--timeout", "1h"],
        &["wait", "nobody"],
        &["call", "slow", "m"],
        &["ping", "-n", "9", "--interval", "1h"],
        &["serve", "a", "--echo", "--mode", "shared"],
        &["serve", "b", "--exec", "true", "--mode", "shared"],
    ] {
        for signal in ENDING {
            let tool = Tool::start(after(NO_CORE, &bus.command(args)));
            // From then on it waits, or is about to.
            observer.read_line();
            tool.send(signal);
            let ended = tool.end();
            assert_eq!(ended.signal, Some(signal.as_raw()), "{args:?} {ended:?}");
            assert!(!ended.stderr.contains("ipc:"), "{args:?} {ended:?}");
            stay_silent.push(ended.stdout);
        }
    }
    assert!(stay_silent.iter().all(|printed| !printed.contains("event")));
}

#[test]
fn a_command_that_waits_for_its_input_or_for_the_server_dies_of_the_signal() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", silent.local_addr().unwrap());
    for args in [
        &["list"][..],
        &["serve", "o", "--echo"],
        &["listen", "e"],
        &["call", "o", "m", "1"],
    ] {
        let mut command = ipc(args);
        command.args(["--address", &address]);
        let tool = Tool::start(command);
        let _connection = silent.accept().unwrap();
        tool.send(Signal::TERM);
        assert_eq!(tool.end().signal, Some(15), "{args:?}");
    }
    let (_writer, mut command) = {
        let (reader, writer) = io::pipe().unwrap();
        let mut command = ipc(&["call", "o", "m", "-"]);
        command.stdin(reader);
        (writer, command)
    };
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let tool = Tool::start(command);
    tool.send(Signal::INT);
    assert_eq!(tool.end().signal, Some(2));
}

#[test]
fn what_follows_a_listener_does_not_start_when_it_was_interrupted() {
    let bus = Bus::start();
    let mut shell = Command::new("sh");
    shell
        .args([
            "-c",
            r#""$0" listen ready -n 1 && echo started; echo "code $?""#,
        ])
        .arg(env!("CARGO_BIN_EXE_ipc"))
        .env("IPC_ADDRESS", bus.address())
        .stdin(Stdio::null());
    let mut tool = Tool::start(shell);
    assert_eq!(tool.read_note(), "listening to ready");
    kill_child(&tool, Signal::TERM);
    assert_eq!(tool.end().stdout, "code 143\n");
}

/// A shell goes on unless the command died of the interrupt.
#[test]
fn a_loop_around_a_listener_can_be_left_with_an_interrupt() {
    heed_signals();
    let bus = Bus::start();
    let mut shell = Command::new("bash");
    shell
        .args(["-c", r#"while :; do "$0" listen -n 1 e; done"#])
        .arg(env!("CARGO_BIN_EXE_ipc"))
        .env("IPC_ADDRESS", bus.address())
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0);
    let Ok(mut child) = shell.spawn() else {
        eprintln!("skipped: there is no bash");
        return;
    };
    let mut notes = BufReader::new(child.stderr.take().unwrap());
    let mut note = String::new();
    notes.read_line(&mut note).unwrap();
    assert_eq!(note, "listening to e\n");
    let group = Pid::from_child(&child);
    kill_process_group(group, Signal::INT).unwrap();
    note.clear();
    notes.read_line(&mut note).unwrap();
    // Ends the loop that an interrupt did not end.
    kill_process_group(group, Signal::KILL).ok();
    assert_eq!(note, "", "it listens again");
    assert_eq!(child.wait().unwrap().signal(), Some(2));
}

#[test]
fn a_number_of_events_is_reached_only_when_they_were_printed() {
    let bus = Bus::start();
    for _ in 0..20 {
        let listener = bus.start_tool(&["listen", "e", "-n", "1"], "listening to e");
        let sender = Tool::start(bus.command(&["send", "e", "1"]));
        listener.interrupt();
        let ended = listener.end();
        let is_printed = ended.stdout == "{\"event\":\"e\",\"result\":1}\n";
        assert!(
            ended.code == 130 || ended.code == 0 && is_printed,
            "{ended:?}"
        );
        sender.end();
    }
}

#[test]
fn signals_that_were_ignored_stay_ignored() {
    let bus = Bus::start();
    let ignore = "trap '' HUP INT QUIT";
    let mut listener = Tool::start(after(ignore, &bus.command(&["listen", "e"])));
    assert_eq!(listener.read_note(), "listening to e");
    let serving = bus.command(&["serve", "calc", "--exec", "echo 1"]);
    let mut serving = Tool::start(after(ignore, &serving));
    assert_eq!(serving.read_note(), "serving calc");
    for signal in [Signal::HUP, Signal::INT, Signal::QUIT] {
        listener.send(signal);
        serving.send(signal);
    }
    assert_eq!(bus.print(&["call", "calc", "m"]), "1\n");
    bus.print(&["send", "e", "1"]);
    assert_eq!(listener.read_line(), "{\"event\":\"e\",\"result\":1}");
    for tool in [listener, serving] {
        tool.send(Signal::TERM);
        assert_eq!(tool.end().code, 143);
    }
}

#[test]
fn nohup_keeps_a_provider_when_the_terminal_is_closed() {
    let bus = Bus::start();
    let tool = bus.command(&["serve", "calc", "--reply", "1"]);
    let mut nohup = Command::new("nohup");
    nohup.arg(tool.get_program()).args(tool.get_args());
    nohup.env("IPC_ADDRESS", bus.address()).stdin(Stdio::null());
    let serving = Tool::start(nohup);
    bus.print(&["wait", "calc"]);
    serving.send(Signal::HUP);
    assert_eq!(bus.print(&["call", "calc", "m"]), "1\n");
}

/// Passes on what a client and a server say, until it is told to stop.
struct Relay {
    address: String,
    is_stopped: Arc<AtomicBool>,
}

impl Relay {
    fn to(bus: &Bus) -> Self {
        let server = bus.address().trim_start_matches("tcp://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let is_stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&is_stopped);
        std::thread::spawn(move || {
            let (client, _) = listener.accept().unwrap();
            let server = TcpStream::connect(server).unwrap();
            let back = (server.try_clone().unwrap(), client.try_clone().unwrap());
            let stopped = Arc::clone(&stop);
            std::thread::spawn(move || pass_on(back.0, &back.1, &stopped));
            pass_on(client, &server, &stop);
            server.shutdown(Shutdown::Both).ok();
        });
        Self {
            address,
            is_stopped,
        }
    }
}

fn pass_on(mut from: TcpStream, mut to: &TcpStream, is_stopped: &AtomicBool) {
    let mut chunk = [0; 4096];
    while let Ok(n_bytes @ 1..) = from.read(&mut chunk) {
        if !is_stopped.load(Ordering::SeqCst) {
            to.write_all(&chunk[..n_bytes]).ok();
        }
    }
}

/// How long a provider takes to end when its server does not answer any more.
fn time_to_end(second: bool) -> Duration {
    let bus = Bus::start();
    let fifo = Fifo::new();
    let relay = Relay::to(&bus);
    let mut command = ipc(&["serve", "held", "--exec", &fifo.hold()]);
    command.env("IPC_ADDRESS", &relay.address);
    let mut serving = Tool::start(command);
    assert_eq!(serving.read_note(), "serving held");
    let _caller = Tool::start(bus.command(&["call", "held", "m"]));
    let held = fifo.open();
    relay.is_stopped.store(true, Ordering::SeqCst);
    let begin = Instant::now();
    serving.send(Signal::INT);
    assert_eq!(held.wait_for_the_end(), "");
    if second {
        serving.send(Signal::TERM);
    }
    let ended = serving.end();
    assert!(
        ended.signal == Some(if second { 15 } else { 2 }),
        "{ended:?}"
    );
    begin.elapsed()
}

#[test]
fn a_second_signal_does_not_wait_for_the_server() {
    let (one, two) = (time_to_end(false), time_to_end(true));
    assert!(two < one, "{two:?} {one:?}");
}

/// The system ends the first process of a container by no signal that it does not take.
#[test]
fn as_the_first_process_of_a_container_it_ends_with_the_code_of_the_signal() {
    let bus = Bus::start();
    for (args, ready) in [
        (&["listen", "e"][..], "listening to e"),
        (&["serve", "calc", "--echo"], "serving calc"),
    ] {
        for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
            let Some(mut container) = container(&bus.command(args)) else {
                return;
            };
            assert_eq!(container.read_note(), ready);
            kill_child(&container, signal);
            let ended = container.end();
            assert_eq!(
                (ended.code, ended.signal),
                (128 + signal.as_raw(), None),
                "{args:?} {ended:?}"
            );
        }
    }
}

#[test]
fn help_says_what_a_signal_makes_of_the_exit_code() {
    let help = run(ipc(&["--help"])).stdout;
    for code in ["129", "130", "131", "143"] {
        assert!(help.contains(code), "{code}");
    }
}
