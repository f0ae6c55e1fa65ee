//! A peer cannot fill a disk with the log, and what is left out is counted exactly.
#![cfg(unix)]

use std::{
    io::{self, Write},
    path::Path,
    process::Command,
    sync::{Arc, Mutex},
};

use ipc_server::{Limits, Server};
use rustix::process::Signal;

use super::harness::{Peer, ServerProcess};

/// Stops a server and reads its log.
fn stop_and_read(mut server: ServerProcess, log: &Path) -> Vec<String> {
    server.signal(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    let log = std::fs::read_to_string(log).unwrap();
    log.lines().map(str::to_owned).collect()
}

/// Returns how many lines have a text, and how many incidents these stand for.
fn count(log: &[String], text: &str) -> (usize, usize) {
    let (mut n_lines, mut n_times) = (0, 0);
    for line in log.iter().filter(|line| line.contains(text)) {
        let sum = line.split_once(&format!("{text}: "));
        let n_more = sum.and_then(|(_, rest)| rest.split_once(" more in the last "));
        n_times += n_more.map_or(1, |(n_more, _)| n_more.parse().unwrap());
        n_lines += 1;
    }
    (n_lines, n_times)
}

/// Starts a server whose log is a file, by a shell that may set limits first.
fn start(first: &str, arguments: &[&str], log: &Path) -> ServerProcess {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{first} exec \"$0\" \"$@\" 2>\"$LOG\"")]);
    command.arg(env!("CARGO_BIN_EXE_ipc-server"));
    command.args(["--listen", "tcp://127.0.0.1:0"]);
    command.args(arguments).env("LOG", log);
    ServerProcess::start_with(&mut command, 1)
}

#[test]
fn refused_connections_are_summed_up() {
    const N_REFUSED: usize = 300;

    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let server = start("", &["--max-connections", "1"], &log);
    let _client = server.hello("client");
    for _ in 0..N_REFUSED {
        assert_eq!(server.connect().receive()["code"], "busy");
    }
    let log = stop_and_read(server, &log);
    let (n_lines, n_times) = count(&log, "connection refused");
    assert_eq!(n_times, N_REFUSED);
    assert!(n_lines < N_REFUSED / 10, "{log:?}");
}

#[test]
fn running_out_of_file_descriptors_is_logged_once_and_so_is_its_end() {
    const N_CONNECTS: usize = 300;

    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("log");
    let server = start("ulimit -n 40;", &["--log", "debug"], &log);
    let mut early = server.hello("early");
    let crowd: Vec<Peer> = (0..N_CONNECTS)
        .map(|_| {
            early.stats();
            server.connect()
        })
        .collect();
    drop(crowd);
    server.hello("late");
    early.wait_for_stat("connections", |n_connections| n_connections == 1);

    let log = stop_and_read(server, &log);
    assert_eq!(count(&log, " not accepting connections"), (1, 1), "{log:?}");
    assert_eq!(
        count(&log, " accepting connections again"),
        (1, 1),
        "{log:?}"
    );
    // It rested between its tries, however many clients came meanwhile.
    let (n_tries, _) = count(&log, "cannot accept");
    assert!(n_tries < N_CONNECTS / 2, "{n_tries} tries");
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn clients_closed_because_they_do_not_read_are_summed_up() {
    const N_SLOW: usize = 20;

    // A small queue, in a server of this process: filling large ones takes long.
    let mut limits = Limits::default();
    limits.outbox_bytes = 16 * 1024;
    let directory = tempfile::tempdir().unwrap();
    let address = format!("unix:{}", directory.path().join("ipc.sock").display());
    let server = Server::builder().listen(address.parse().unwrap());
    let server = server.limits(limits).bind().unwrap();
    let (stopper, log) = (server.stopper(), Log::default());
    let writer = log.clone();
    let thread = std::thread::spawn(move || {
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone());
        tracing::subscriber::with_default(subscriber.finish(), || server.run())
    });

    let mut watcher = Peer::connect(&address);
    watcher.hello("watcher");
    let questions = "{\"object\":\"ipc\",\"method\":\"stats\",\"id\":1}\n".repeat(2000);
    let slow: Vec<Peer> = (0..N_SLOW)
        .map(|n| {
            let mut peer = Peer::connect(&address);
            peer.hello(&format!("slow-{n}"));
            // It is closed before the server has read them all.
            peer.try_send(&questions).ok();
            peer
        })
        .collect();
    watcher.wait_for_stat("connections", |n_connections| n_connections == 1);
    drop(slow);
    stopper.stop();
    thread.join().unwrap().unwrap();

    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let log: Vec<_> = log.lines().map(str::to_owned).collect();
    let (n_lines, n_times) = count(&log, "closed: it does not read what it is sent");
    assert_eq!(n_times, N_SLOW, "{log:?}");
    assert!(n_lines < N_SLOW / 2, "{log:?}");
}
