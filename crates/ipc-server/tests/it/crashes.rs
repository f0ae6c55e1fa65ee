//! Whatever dies, everyone who waits is answered: processes killed with SIGKILL.

use std::process::{Child, Command, Stdio};

use super::harness::{Peer, ServerProcess, wait_for_exit};

/// How often a provider is killed in the middle of a call; the promise is no hang in a thousand.
const N_KILLS: usize = if cfg!(feature = "slow-tests") {
    1000
} else {
    40
};

/// Not a test: the body of the processes that the tests below kill. It registers an object and
/// reads its calls without ever answering, or calls one.
#[test]
#[ignore = "runs as a process of the other tests"]
fn peer_process() {
    let Ok(address) = std::env::var("IPC_TEST_ADDRESS") else {
        return;
    };
    let mut peer = Peer::connect(&address);
    peer.hello("doomed");
    match std::env::var("IPC_TEST_ROLE").as_deref() {
        Ok("provider") => peer.register("doomed"),
        _ => peer.send(r#"{"object":"slow","method":"m","id":1}"#),
    }
    while peer.next().is_some() {}
}

fn start_peer(server: &ServerProcess, role: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crashes::peer_process", "--ignored"])
        .env("IPC_TEST_ADDRESS", &server.addresses[0])
        .env("IPC_TEST_ROLE", role)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn kill(mut child: Child) {
    child.kill().unwrap();
    wait_for_exit(&mut child);
}

#[test]
fn a_killed_provider_leaves_no_caller_waiting() {
    let server = ServerProcess::start();
    let (mut caller, mut seed_caller) = (server.hello("caller"), server.connect());
    for _ in 0..N_KILLS {
        let provider = start_peer(&server, "provider");
        let wait = r#"{"list":["doomed"],"timeout_ms":60000,"id":"wait"}"#;
        assert_eq!(caller.ask(wait)["list"][0], "doomed");
        caller.send(
            r#"{"object":"doomed","method":"m","id":1}{"object":"doomed","method":"m","id":2}"#,
        );
        seed_caller.send(r#"{"object":"doomed","method":"m"}"#);
        caller.wait_for_stat("calls_open", |n_calls| n_calls == 3);

        kill(provider);
        for n in 1..=2 {
            let answer = caller.receive();
            assert_eq!(
                (&answer["code"], &answer["id"]),
                (&"provider_gone".into(), &n.into())
            );
        }
        let answer = String::from_utf8(seed_caller.seed_read()).unwrap();
        assert_eq!(
            answer,
            r#"{"error":"client connection error","code":"provider_gone"}"#
        );
    }
    let stats = caller.stats();
    assert_eq!(stats["calls_accepted"], stats["calls_answered"]);
    assert_eq!(stats["objects"], 0);
}

#[test]
fn a_killed_caller_cancels_its_calls() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ipc.sock");
    for server in [ServerProcess::start(), ServerProcess::start_unix(&path)] {
        let mut provider = server.hello("provider");
        provider.register("slow");
        let caller = start_peer(&server, "caller");
        let call = provider.receive();
        assert_eq!(call["object"], "slow");
        kill(caller);
        let notice = provider.receive();
        assert_eq!(notice["event"], "ipc.cancel");
        assert_eq!(notice["result"]["id"], call["id"]);
        provider.send(format!(r#"{{"response":"to nobody","id":{}}}"#, call["id"]));
        assert_eq!(provider.stats()["replies_dropped"], 1);
    }
}

#[test]
fn a_killed_server_ends_every_stream() {
    let mut server = ServerProcess::start();
    let (mut provider, mut caller) = (server.hello("provider"), server.hello("caller"));
    provider.register("slow");
    caller.send(r#"{"object":"slow","method":"m","id":1}"#);
    provider.receive();
    server.child.kill().unwrap();
    server.wait();
    assert_eq!(caller.next(), None);
    assert_eq!(provider.next(), None);
}

#[test]
fn a_name_is_free_after_its_provider_was_killed_and_listeners_hear_of_it() {
    let server = ServerProcess::start();
    let mut watcher = server.hello("watcher");
    watcher.listen("ipc.object.registered");
    watcher.listen("ipc.object.unregistered");
    let provider = start_peer(&server, "provider");
    let registered = watcher.receive();
    assert_eq!(registered["event"], "ipc.object.registered");
    kill(provider);
    let unregistered = watcher.receive();
    assert_eq!(unregistered["event"], "ipc.object.unregistered");
    assert_eq!(unregistered["result"]["object"], "doomed");
    assert_eq!(
        unregistered["result"]["client"],
        registered["result"]["client"]
    );
    server.hello("successor").register("doomed");
}
