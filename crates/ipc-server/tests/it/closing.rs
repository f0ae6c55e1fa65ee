//! A connection that ends gets what it is owed first, however it ends.

use super::harness::{Peer, ServerProcess};

const PING: &str = r#"{"object":"ipc","method":"ping"}"#;
const OBJECTS: &str = r#"{"object":"ipc","method":"objects"}"#;

/// A server on either kind of socket, with so many objects that their list is 200 KB long.
fn servers_with_long_lists() -> (tempfile::TempDir, Vec<(ServerProcess, Vec<Peer>)>) {
    let directory = tempfile::tempdir().unwrap();
    let mut servers = vec![ServerProcess::start()];
    if cfg!(unix) {
        let path = directory.path().join("ipc.sock");
        servers.push(ServerProcess::start_unix(&path));
    }
    let padding = "x".repeat(200);
    let with_objects = |server: ServerProcess| {
        let providers = (0..4).map(|n| {
            let mut provider = server.hello("provider");
            for m in 0..200 {
                provider.register(&format!("{padding}-{n}-{m}"));
            }
            provider
        });
        let providers = providers.collect();
        (server, providers)
    };
    let servers = servers.into_iter().map(with_objects).collect();
    (directory, servers)
}

#[test]
fn whoever_breaks_the_protocol_reads_the_answers_before_it_and_then_why() {
    let (_directory, servers) = servers_with_long_lists();
    for (server, _providers) in &servers {
        for (request, n_requests) in [(PING, 3), (PING, 800), (OBJECTS, 3)] {
            for finishes in [true, false] {
                let mut peer = server.connect();
                peer.send(format!("{}#", request.repeat(n_requests)));
                if finishes {
                    peer.shut_down_write();
                }
                for n in 0..n_requests {
                    let answer = peer.receive();
                    assert!(answer.get("response").is_some(), "the answer {n}: {answer}");
                }
                assert_eq!(peer.receive()["code"], "malformed");
                assert_eq!(peer.next(), None);
            }
        }
    }
}

#[test]
fn whoever_finishes_its_side_later_reads_the_same() {
    let (_directory, servers) = servers_with_long_lists();
    for (server, _providers) in &servers {
        let mut peer = server.connect();
        peer.send(format!("{}#", OBJECTS.repeat(20)));
        assert!(peer.receive().get("response").is_some());
        peer.shut_down_write();
        for _ in 1..20 {
            assert!(peer.receive().get("response").is_some());
        }
        assert_eq!(peer.receive()["code"], "malformed");
        assert_eq!(peer.next(), None);
    }
}

#[test]
fn whoever_ends_within_a_message_reads_the_answers_before_it_too() {
    let (_directory, servers) = servers_with_long_lists();
    for (server, _providers) in &servers {
        let mut peer = server.connect();
        peer.send(format!("{}{{", OBJECTS.repeat(3)));
        peer.shut_down_write();
        for _ in 0..3 {
            assert!(peer.receive().get("response").is_some());
        }
        assert_eq!(peer.receive()["code"], "malformed");
        assert_eq!(peer.next(), None);
    }
}
