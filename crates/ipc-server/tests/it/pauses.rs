//! A server that stood still, as one does that is stopped by SIGSTOP or whose machine is paused,
//! punishes nobody for it.
#![cfg(unix)]

use std::{
    io::{BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, WaitOptions, waitpid};

use super::harness::{Peer, ServerProcess, text_of};

/// Limits of the servers below: short enough for a test to outlast them, and long enough for a
/// loaded machine to come as far as the pause.
const LIMIT: Duration = Duration::from_secs(5);

/// A pause that is longer than the limits.
const PAUSE: Duration = Duration::from_millis(5500);

/// Not a test: a server with short limits, which stops at the end of its standard input.
#[test]
#[ignore = "runs as a process of the other tests"]
fn server_process() {
    let Ok(address) = std::env::var("IPC_TEST_LISTEN") else {
        return;
    };
    let mut limits = ipc_server::Limits::default();
    (limits.stall, limits.drain) = (LIMIT, LIMIT);
    // So that a listener's queue is soon full.
    limits.outbox_bytes = 1024 * 1024;
    let server = ipc_server::Server::builder().listen(address.parse().unwrap());
    let server = server.limits(limits).bind().unwrap();
    let stopper = server.stopper();
    writeln!(std::io::stdout(), "listening on {}", server.addresses()[0]).unwrap();
    std::thread::spawn(move || {
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
        stopper.stop();
    });
    server.run().unwrap();
}

fn start(address: &str) -> ServerProcess {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "pauses::server_process",
            "--ignored",
            "--nocapture",
        ])
        .env("IPC_TEST_LISTEN", address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // The test harness says something too, perhaps on the same line.
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.find_map(|line| {
        let line = line.unwrap();
        let (_, address) = line.split_once("listening on ")?;
        Some(address.to_owned())
    });
    // Nobody reads the rest.
    std::thread::spawn(move || lines.count());
    ServerProcess {
        child,
        addresses: vec![address.unwrap()],
    }
}

fn start_both() -> (tempfile::TempDir, [ServerProcess; 2]) {
    let directory = tempfile::tempdir().unwrap();
    let path = format!("unix:{}", directory.path().join("ipc.sock").display());
    (directory, [start("tcp://127.0.0.1:0"), start(&path)])
}

/// The time for which something is done while servers stand still.
struct Pause<'a> {
    servers: Vec<&'a ServerProcess>,
    started: Instant,
}

impl<'a> Pause<'a> {
    fn begin(servers: impl IntoIterator<Item = &'a ServerProcess>) -> Self {
        let servers: Vec<_> = servers.into_iter().collect();
        for server in &servers {
            server.signal(Signal::STOP);
            let pid = Pid::from_child(&server.child);
            let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
            assert!(status.stopped());
        }
        let started = Instant::now();
        Self { servers, started }
    }

    fn end(self) {
        while let Some(rest) = PAUSE.checked_sub(self.started.elapsed()) {
            std::thread::park_timeout(rest);
        }
        for server in &self.servers {
            server.signal(Signal::CONT);
        }
    }
}

/// A caller and a provider that has been sent a call with a time that is shorter than the pause.
struct Calling {
    caller: Peer,
    provider: Peer,
    id: u64,
}

impl Calling {
    fn begin(server: &ServerProcess, object: &str) -> Self {
        let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
        provider.register(object);
        caller.send(format!(
            r#"{{"object":"{object}","method":"m","timeout_ms":5000,"id":1}}"#
        ));
        let id = provider.receive()["id"].as_u64().unwrap();
        Self {
            caller,
            provider,
            id,
        }
    }

    fn reply(&mut self, response: &str) {
        let reply = format!(r#"{{"response":{response},"id":{}}}"#, self.id);
        // The server does not read now, and what the sockets do not take has to wait.
        self.provider.try_send(reply).unwrap();
    }
}

#[test]
fn a_call_that_was_answered_in_the_pause_gets_its_answer() {
    let (_directory, servers) = start_both();
    let mut calls: Vec<_> = servers
        .iter()
        .map(|server| {
            let calling = |object| Calling::begin(server, object);
            [
                calling("stays"),
                calling("leaves"),
                calling("finishes"),
                calling("leaves something unread"),
                calling("says much before"),
                calling("says more than the sockets take"),
            ]
        })
        .collect();
    for [.., unread, _, _] in &mut calls {
        unread.caller.send(
            r#"{"object":"leaves something unread","method":"m","id":2}{"object":"ipc","method":"ping","id":3}"#,
        );
        assert_eq!(unread.caller.receive()["id"], 3, "the call was forwarded");
    }
    let pause = Pause::begin(&servers);
    let much = format!(r#"{{"event":"e","result":{}}}"#, text_of(100_000));
    let large = text_of(500_000);
    std::thread::scope(|scope| {
        let mut callers = Vec::new();
        for [
            mut stays,
            mut leaves,
            mut finishes,
            mut unread,
            mut much_before,
            mut larger,
        ] in calls
        {
            stays.reply("1");
            leaves.reply("1");
            drop(leaves.provider);
            finishes.reply("1");
            finishes.provider.shut_down_write();
            unread.reply("1");
            drop(unread.provider);
            much_before.provider.send(&much);
            much_before.reply("1");
            let large = &large;
            scope.spawn(move || {
                larger
                    .provider
                    .send(format!(r#"{{"response":{large},"id":{}}}"#, larger.id));
                let response = larger.caller.receive();
                assert!(
                    response["response"] == large.trim_matches('"'),
                    "it is whole"
                );
            });
            callers.extend([
                ("stays", stays.caller),
                ("leaves", leaves.caller),
                ("finishes", finishes.caller),
                ("leaves something unread", unread.caller),
                ("says much before", much_before.caller),
            ]);
        }
        pause.end();
        for (what, mut caller) in callers {
            assert_eq!(caller.receive()["response"], 1, "its provider {what}");
        }
    });
}

#[test]
fn an_answer_is_passed_on_though_its_provider_has_left_and_cannot_be_written_to() {
    let (_directory, [_tcp, server]) = start_both();
    let path = server.addresses[0].strip_prefix("unix:").unwrap();
    let mut provider = UnixStream::connect(path).unwrap();
    // Its socket holds more than the server reads at a time.
    rustix::net::sockopt::set_socket_send_buffer_size(&provider, 400_000).unwrap();
    let hello = r#"{"object":"ipc","method":"hello","param":{"protocol":1},"id":0}"#;
    let register = r#"{"reg_object":"hasty","id":1}"#;
    write!(provider, "{hello}{register}").unwrap();
    let mut lines = BufReader::new(provider.try_clone().unwrap()).lines();
    assert!(lines.nth(1).unwrap().unwrap().contains("OK"));
    let mut caller = server.hello("caller");
    caller.send(r#"{"object":"hasty","method":"m","id":1}"#);
    let call: serde_json::Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();

    let pause = Pause::begin([&server]);
    let much = format!(r#"{{"event":"e","result":{}}}"#, text_of(300_000));
    write!(
        provider,
        r#"{much}{{"response":"done","id":{}}}"#,
        call["id"]
    )
    .unwrap();
    drop((provider, lines));
    caller.send(r#"{"object":"hasty","method":"m","id":2}"#);
    pause.end();
    assert_eq!(caller.receive()["response"], "done");
    assert_eq!(caller.receive()["code"], "provider_gone");
}

#[test]
fn a_call_that_nobody_answered_ends_after_the_pause() {
    let server = start("tcp://127.0.0.1:0");
    let mut calling = Calling::begin(&server, "silent");
    let pause = Pause::begin([&server]);
    pause.end();
    assert_eq!(calling.caller.receive()["code"], "timeout");
}

#[test]
fn a_wait_is_fulfilled_by_one_who_connected_in_the_pause() {
    let (_directory, servers) = start_both();
    let mut waiters: Vec<_> = servers
        .iter()
        .map(|server| server.hello("waiter"))
        .collect();
    for waiter in &mut waiters {
        waiter.send(r#"{"list":["late"],"timeout_ms":5000,"id":1}"#);
        waiter.ask(r#"{"object":"ipc","method":"ping","id":2}"#);
    }
    let pause = Pause::begin(&servers);
    let providers: Vec<_> = servers
        .iter()
        .map(|server| {
            let mut provider = server.connect();
            provider.send(r#"{"reg_object":"late"}"#);
            provider
        })
        .collect();
    pause.end();
    for waiter in &mut waiters {
        assert_eq!(waiter.receive()["list"][0], "late");
    }
    drop(providers);
}

/// A listener that has not read anything until its queue at the server is full.
fn begin_stalling(server: &ServerProcess) -> (Peer, u64) {
    let (mut listener, mut publisher) = (server.hello("listener"), server.hello("publisher"));
    listener.listen("data");
    let text = text_of(100_000);
    let mut n_delivered = 0;
    loop {
        let event = format!(r#"{{"event":"data","result":[{n_delivered},{text}],"id":1}}"#);
        if publisher.ask(event)["delivered"] == 0 {
            return (listener, n_delivered);
        }
        n_delivered += 1;
    }
}

/// One at each server, at the same time.
fn begin_stalling_at(servers: &[ServerProcess]) -> Vec<(Peer, u64)> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = servers
            .iter()
            .map(|server| scope.spawn(|| begin_stalling(server)))
            .collect();
        let joined = threads.into_iter().map(|thread| thread.join().unwrap());
        joined.collect()
    })
}

/// It gets everything that was queued for it, and is still connected.
fn assert_served(mut listener: Peer, n_delivered: u64) {
    for n in 0..n_delivered {
        assert_eq!(listener.receive()["result"][0], n);
    }
    assert_eq!(listener.receive()["event"], "ipc.lost");
    let answer = listener.ask(r#"{"object":"ipc","method":"ping","id":1}"#);
    assert_eq!(answer["response"]["pong"], true);
}

#[test]
fn a_listener_that_emptied_its_socket_in_the_pause_is_no_slow_consumer() {
    let (_directory, servers) = start_both();
    let mut stalling = begin_stalling_at(&servers);
    let pause = Pause::begin(&servers);
    for (listener, _) in &mut stalling {
        listener.read_what_is_there();
    }
    pause.end();
    for (listener, n_delivered) in stalling {
        assert_served(listener, n_delivered);
    }
}

#[test]
fn a_listener_that_stood_still_with_the_server_is_no_slow_consumer() {
    let (_directory, servers) = start_both();
    let stalling = begin_stalling_at(&servers);
    Pause::begin(&servers).end();
    for (listener, n_delivered) in stalling {
        assert_served(listener, n_delivered);
    }
}

#[test]
fn a_server_that_is_stopping_waits_for_the_answers_that_came_in_the_pause() {
    let mut server = start("tcp://127.0.0.1:0");
    let mut calling = Calling::begin(&server, "slow");
    drop(server.child.stdin.take());
    assert_eq!(calling.caller.receive()["event"], "ipc.shutdown");
    let pause = Pause::begin([&server]);
    calling.reply("1");
    pause.end();
    assert_eq!(calling.caller.receive()["response"], 1);
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_listener_that_is_closed_for_being_slow_reads_whole_messages_and_then_why() {
    let (_directory, servers) = start_both();
    let stalling = begin_stalling_at(&servers);
    for (server, (mut listener, n_delivered)) in servers.iter().zip(stalling) {
        let mut watcher = server.hello("watcher");
        watcher.wait_for_stat("slow_consumers", |n_closed| n_closed == 1);
        let stats = watcher.stats();
        assert!(stats["queued_bytes"].as_u64().unwrap() < 200_000, "{stats}");
        let mut n_received = 0;
        loop {
            let message = listener.receive();
            if message["code"] == "slow_consumer" {
                break;
            }
            assert_eq!(message["result"][0], n_received);
            n_received += 1;
        }
        assert!(n_received < n_delivered, "the rest was given up");
        assert_eq!(listener.next(), None);
        drop(listener);
        watcher.wait_for_stat("connections", |n_connections| n_connections == 1);
    }
}
