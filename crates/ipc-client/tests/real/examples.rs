//! The examples run, each as a process of its own.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
};

use super::start_server;

struct Example {
    child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
}

impl Example {
    /// Starts an example; `cargo test -p ipc-client` has built it beside the tests.
    fn start(name: &str, address: &str) -> Self {
        let mut path = std::env::current_exe().unwrap();
        path.pop();
        path.pop();
        path.push("examples");
        path.push(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let mut child = Command::new(&path)
            .env("IPC_ADDRESS", address)
            .env("ENV_SERVER_ADDRESS", address.trim_start_matches("tcp://"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot run {}: {error}; `cargo build -p ipc-client --examples` builds it",
                    path.display()
                )
            });
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    /// What it prints until it ends well.
    fn finish(mut self) -> Vec<String> {
        let lines = self.lines.by_ref().map(|line| line.unwrap()).collect();
        assert!(self.child.wait().unwrap().success());
        lines
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

#[test]
fn a_provider_and_a_caller_find_each_other() {
    let server = start_server();
    let address = server.addresses()[0].to_string();
    // The caller waits for the provider, whichever starts first.
    let caller = Example::start("caller", &address);
    let mut provider = Example::start("provider", &address);
    assert_eq!(provider.line(), format!("connected to {address}"));
    let said = caller.finish();
    assert_eq!(said[..2], ["1 + 2 = 3", "3 + 4 = 7, 4 + 5 = 9"]);
    assert!(said[2].contains("division by zero"), "{said:?}");
}

#[test]
fn a_listener_hears_itself() {
    let server = start_server();
    let said = Example::start("listener", &server.addresses()[0].to_string()).finish();
    let heard: Vec<_> = said
        .iter()
        .filter(|line| line.starts_with("temp.kitchen: "))
        .collect();
    assert_eq!(heard.len(), 5, "{said:?}");
}

#[test]
fn a_program_without_async_calls_and_listens() {
    let server = start_server();
    let said = Example::start("blocking", &server.addresses()[0].to_string()).finish();
    assert!(said[0].starts_with("this program has "), "{said:?}");
    let heard = [
        "temp.kitchen: 21.5",
        "temp.kitchen: 21.75",
        "temp.kitchen: 22",
    ];
    assert_eq!(said[1..4], heard);
    assert_eq!(said[4], "no event came in time");
}

#[tokio::test]
async fn a_seed_peer_over_a_bare_socket_answers_the_library() {
    let server = start_server();
    let mut peer = Example::start("seed_peer", &server.addresses()[0].to_string());
    assert_eq!(peer.line(), r#"registered: {"success":"OK"}"#);
    let client = super::connect(&server, "caller").await;
    for n_bytes in [1, 4000, 4096, 8192, 100_000] {
        let text = "x".repeat(n_bytes);
        let answer: String = client.object("echo").call("echo", &text).await.unwrap();
        assert_eq!(answer, text);
    }
}
