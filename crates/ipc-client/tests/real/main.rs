//! The client against the real server.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod blocking;
mod calling;
mod events;
mod examples;
mod farewells;
mod full;
mod lists;
mod restarts;
mod runtimes;

use ipc_client::Client;
use ipc_server::{Address, Running, Server};

/// A server on a free port, stopped when dropped.
fn start_server() -> Running {
    start_server_at("tcp://127.0.0.1:0".parse().unwrap())
}

fn start_server_at(address: Address) -> Running {
    Server::builder()
        .listen(address)
        .bind()
        .unwrap()
        .spawn()
        .unwrap()
}

/// A client of a server.
async fn connect(server: &Running, name: &str) -> Client {
    let address = server.addresses()[0].clone();
    Client::builder()
        .address(address)
        .name(name)
        .connect()
        .await
        .unwrap()
}
