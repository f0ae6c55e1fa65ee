//! A server that is full says so to everybody whom it does not let in.
#![cfg(unix)]

use ipc_client::{Client, Code, ConnectError};
use ipc_server::{Limits, Server};

#[tokio::test]
async fn everybody_at_the_door_of_a_full_server_reads_that_it_is_full() {
    let path = std::env::temp_dir().join(format!("ipc-full-{}.sock", std::process::id()));
    let mut limits = Limits::default();
    limits.connections = 1;
    let server = Server::builder()
        .listen("tcp://127.0.0.1:0".parse().unwrap())
        .listen(ipc_client::Address::Unix(path))
        .limits(limits)
        .bind()
        .unwrap()
        .spawn()
        .unwrap();
    let first = super::connect(&server, "first").await;
    for address in server.addresses() {
        for n in 0..50 {
            let builder = Client::builder().address(address.clone());
            let connecting = builder.clone().connect();
            let blocking = tokio::task::spawn_blocking(move || {
                // Not within the runtime, which a blocking client refuses.
                std::thread::spawn(move || builder.connect_blocking().map(drop)).join()
            });
            let (refused, from_thread) = tokio::join!(connecting, blocking);
            for refused in [refused.map(drop), from_thread.unwrap().unwrap()] {
                let Err(ConnectError::Refused { code, .. }) = refused else {
                    panic!("{address}, {n}: {refused:?}");
                };
                assert_eq!(code, Some(Code::Busy));
            }
        }
    }
    assert!(first.is_connected());
}
