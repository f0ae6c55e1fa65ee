//! Whoever is refused at the door reads why, whatever it sends and whenever.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    time::{Duration, Instant},
};

use super::harness::{PATIENCE, Peer, ServerProcess, wait_for};

const CALL: &str = r#"{"object":"calc","method":"add","param":[1,2]}"#;

/// How long the server waits at least for a refused client to read.
const LINGER: Duration = Duration::from_secs(1);

trait Socket: Read + Write {
    fn shut_down_write(&self) -> io::Result<()>;
}

impl Socket for TcpStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Socket for std::os::unix::net::UnixStream {
    fn shut_down_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

fn connect(address: &str) -> Box<dyn Socket> {
    #[cfg(unix)]
    if let Some(path) = address.strip_prefix("unix:") {
        let socket = std::os::unix::net::UnixStream::connect(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        return Box::new(socket);
    }
    let socket = TcpStream::connect(address.strip_prefix("tcp://").unwrap()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    Box::new(socket)
}

/// A server that has room for one client, and that client.
struct FullServer {
    server: ServerProcess,
    holder: Peer,
    _directory: tempfile::TempDir,
}

impl FullServer {
    fn start(limit: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut command = ServerProcess::command();
        command.args(["--listen", "tcp://127.0.0.1:0", limit, "1"]);
        let path = format!("unix:{}", directory.path().join("ipc.sock").display());
        let n_addresses = if cfg!(unix) { 2 } else { 1 };
        if cfg!(unix) {
            command.args(["--listen", &path]);
        }
        let server = ServerProcess::start_with(&mut command, n_addresses);
        let mut holder = Peer::connect(server.addresses.last().unwrap());
        holder.hello("holder");
        Self {
            server,
            holder,
            _directory: directory,
        }
    }

    fn n_refused(&mut self) -> u64 {
        self.holder.stats()["connections_refused"].as_u64().unwrap()
    }

    /// Waits until more than so many were refused.
    fn wait_for_more_refused(&mut self, n_refused: u64) {
        self.holder
            .wait_for_stat("connections_refused", |n| n_refused < n);
    }
}

/// How many clients may come too late before the server is to blame.
const MAX_LATE: u32 = 5;

/// Lets a client talk to a full server, and checks that it reads why it is refused, and then the
/// end of the stream. If the machine was so busy that the client came too late, another does. The
/// client can wait until it is refused.
fn reads_why(
    full: &mut FullServer,
    address: &str,
    talk: impl Fn(&mut dyn Socket, &mut dyn FnMut()) -> io::Result<()>,
) {
    for _ in 0..MAX_LATE {
        let n_before = full.n_refused();
        let started = Instant::now();
        let mut socket = connect(address);
        let mut answer = String::new();
        let mut wait_for_refusal = || full.wait_for_more_refused(n_before);
        let talked = talk(&mut *socket, &mut wait_for_refusal)
            .and_then(|()| socket.read_to_string(&mut answer).map(|_n_bytes| ()));
        if talked.is_err() && LINGER <= started.elapsed() {
            continue;
        }
        talked.unwrap_or_else(|error| panic!("{address}: {error}"));
        let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["code"], "busy", "{answer}");
        return;
    }
    panic!("{address}: {MAX_LATE} clients read nothing, each for longer than {LINGER:?}");
}

#[test]
fn a_client_that_writes_before_it_reads_reads_why_it_is_refused() {
    let mut full = FullServer::start("--max-connections");
    for address in full.server.addresses.clone() {
        for _ in 0..12 {
            reads_why(&mut full, &address, |socket, _| {
                socket.write_all(CALL.as_bytes())
            });
        }
    }
}

#[test]
fn a_client_that_writes_after_it_was_refused_reads_why() {
    let mut full = FullServer::start("--max-connections");
    for address in full.server.addresses.clone() {
        for _ in 0..12 {
            reads_why(&mut full, &address, |socket, wait_for_refusal| {
                wait_for_refusal();
                socket.write_all(CALL.as_bytes())?;
                socket.write_all(CALL.as_bytes())
            });
        }
    }
}

#[test]
fn a_client_that_sends_a_megabyte_first_reads_why_it_is_refused() {
    let mut full = FullServer::start("--max-connections");
    let block = vec![b'x'; 1_000_000];
    for address in full.server.addresses.clone() {
        reads_why(&mut full, &address, |socket, _| {
            socket.write_all(&block)?;
            socket.shut_down_write()
        });
    }
}

#[test]
#[cfg(unix)]
fn a_user_with_too_many_connections_reads_why_it_is_refused() {
    let mut full = FullServer::start("--max-connections-per-user");
    let address = full.server.addresses[1].clone();
    reads_why(&mut full, &address, |socket, _| {
        socket.write_all(CALL.as_bytes())
    });
}

#[test]
fn a_seed_client_reads_why_as_it_reads_any_answer() {
    let full = FullServer::start("--max-connections");
    let answer = Peer::connect(&full.server.addresses[0]).seed_ask(CALL);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["error"], "the server has 1 connections already");
}

#[test]
#[cfg(target_os = "linux")]
fn refused_clients_that_stay_do_not_pile_up() {
    let mut full = FullServer::start("--max-connections");
    let address = full.server.addresses[0].clone();
    let fds = format!("/proc/{}/fd", full.server.child.id());
    let n_files = || std::fs::read_dir(&fds).unwrap().count();
    let before = n_files();
    let sockets: Vec<_> = (0..600)
        .map(|_| connect(&address))
        .inspect(|_| assert!(n_files() <= before + 300))
        .collect();
    full.wait_for_more_refused(599);
    for mut socket in sockets {
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        assert!(answer.contains("busy"), "{answer}");
    }
    wait_for("the end of the refused connections", || {
        (n_files() <= before).then_some(())
    });
}

#[test]
fn clients_that_wait_to_be_accepted_when_the_server_stops_are_told() {
    let address = "tcp://127.0.0.1:0".parse().unwrap();
    let server = ipc_server::Server::builder()
        .listen(address)
        .bind()
        .unwrap();
    let address = server.addresses()[0].to_string();
    // More than are accepted in one turn.
    let mut peers: Vec<Peer> = (0..200).map(|_| Peer::connect(&address)).collect();
    for peer in &mut peers {
        peer.send(CALL);
    }
    server.stopper().stop();
    let running = server.spawn().unwrap();
    let mut codes: Vec<_> = peers
        .iter_mut()
        .map(|peer| peer.receive()["code"].take())
        .collect();
    drop(peers);
    running.stop().unwrap();
    codes.retain(|code| code == "shutting_down");
    assert!(100 < codes.len(), "{} of 200 were told", codes.len());
}
