//! The server inside another program.

use super::harness::Peer;

#[test]
fn a_broker_is_embedded_in_three_lines_and_stops_when_dropped() {
    let server = ipc_server::Server::builder().listen("tcp://127.0.0.1:0".parse().unwrap());
    let running = server.bind().unwrap().spawn().unwrap();
    let mut peer = Peer::connect(&running.addresses()[0].to_string());

    peer.hello("inside");
    drop(running);
    assert_eq!(peer.receive()["event"], "ipc.shutdown");
    assert_eq!(peer.next(), None);
}

#[test]
fn clients_that_connect_before_it_runs_are_served_when_it_does() {
    let server = ipc_server::Server::builder().listen("tcp://127.0.0.1:0".parse().unwrap());
    let server = server.bind().unwrap();
    let mut peer = Peer::connect(&server.addresses()[0].to_string());
    peer.send(r#"{"reg_object":"a"}"#);
    let running = server.spawn().unwrap();
    assert_eq!(peer.receive()["success"], "OK");
    running.stop().unwrap();
}

#[test]
fn its_limits_are_the_programs_to_choose() {
    let mut limits = ipc_server::Limits::default();
    limits.connections = 1;
    let server = ipc_server::Server::builder().listen("tcp://127.0.0.1:0".parse().unwrap());
    let running = server.limits(limits).bind().unwrap().spawn().unwrap();
    let address = running.addresses()[0].to_string();
    let mut first = Peer::connect(&address);
    first.hello("first");
    let mut second = Peer::connect(&address);
    assert_eq!(second.receive()["code"], "busy");
    assert_eq!(second.next(), None);
    drop(first);
}
