//! The default addresses, one after the other, with directories of the test's own.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt},
        net::UnixListener,
    },
    path::{Path, PathBuf},
    thread::JoinHandle,
    time::Duration,
};

use tokio::io::AsyncWriteExt;

use super::*;
use crate::{
    Builder, Client, ConnectionState, DisconnectReason, driver, greeting::Greeting,
    reader::MessageReader,
};

const HELLO: &str = "{\"response\":{\"protocol\":1,\"server\":\"scripted\"},\"id\":0}\n";
const BUSY: &str = "{\"error\":\"the server is full\",\"code\":\"busy\"}\n";

/// A user's directories, removed when dropped.
struct Home {
    path: PathBuf,
    uid: u32,
    /// Where nobody listens.
    tcp: Address,
}

impl Home {
    fn new(name: &str) -> Self {
        let name = format!("ipc-connect-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(path.join("run")).unwrap();
        for directory in [&path, &path.join("run")] {
            fs::set_permissions(directory, fs::Permissions::from_mode(0o700)).unwrap();
        }
        let uid = fs::metadata(&path).unwrap().uid();
        // A port that no system gives away by itself.
        let tcp = "tcp://127.0.0.1:1".parse().unwrap();
        Self { path, uid, tcp }
    }

    fn runtime_socket(&self) -> PathBuf {
        self.path.join("run").join(ipc_wire::SOCKET_NAME)
    }

    fn temp_socket(&self) -> PathBuf {
        let socket = ipc_wire::default_socket(None, &self.path, self.uid);
        fs::create_dir_all(socket.parent().unwrap()).unwrap();
        let private = fs::Permissions::from_mode(0o700);
        fs::set_permissions(socket.parent().unwrap(), private).unwrap();
        socket
    }

    /// What a client of this user sets out with, and the address of the last resort.
    fn builder(&self, tcp: &Address) -> Builder {
        let run = self.path.join("run");
        let target = Target::of_user(Some(&run), &self.path, Some(self.uid), tcp.clone());
        let mut builder = Client::builder().reconnect(Reconnect::between(
            Duration::from_millis(1),
            Duration::from_millis(5),
        ));
        builder.target = Some(target);
        builder
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// Leaves a socket behind that nobody listens on.
fn make_stale(path: &Path) {
    drop(UnixListener::bind(path).unwrap());
    assert!(path.exists());
}

/// Answers the first message of one connection, and keeps the connection until the client leaves.
fn answer(mut stream: impl io::Read + Write, with: &'static str) {
    let mut lines = BufReader::new(&mut stream);
    // The greeting has no newline, but ends with its last brace.
    let mut hello = Vec::new();
    while hello.iter().filter(|byte| **byte == b'{').count()
        != hello.iter().filter(|byte| **byte == b'}').count()
        || hello.is_empty()
    {
        lines.read_until(b'}', &mut hello).unwrap();
    }
    stream.write_all(with.as_bytes()).unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).ok();
}

fn serve_unix(path: &Path, with: &'static str) -> JoinHandle<()> {
    let listener = UnixListener::bind(path).unwrap();
    std::thread::spawn(move || answer(listener.accept().unwrap().0, with))
}

fn serve_tcp() -> (Address, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("tcp://{}", listener.local_addr().unwrap());
    let serving = std::thread::spawn(move || answer(listener.accept().unwrap().0, HELLO));
    (address.parse().unwrap(), serving)
}

#[tokio::test]
async fn stale_sockets_do_not_keep_a_client_from_the_address_that_answers() {
    let home = Home::new("stale");
    make_stale(&home.runtime_socket());
    make_stale(&home.temp_socket());
    let (tcp, serving) = serve_tcp();
    let client = home.builder(&tcp).connect().await.unwrap();
    assert_eq!(client.address(), &tcp);
    client.close().await.unwrap();
    serving.join().unwrap();
}

#[test]
fn a_blocking_client_passes_stale_sockets_over_too() {
    let home = Home::new("blocking");
    make_stale(&home.runtime_socket());
    let (tcp, serving) = serve_tcp();
    let client = home.builder(&tcp).connect_blocking().unwrap();
    assert_eq!(client.address(), &tcp);
    client.close().unwrap();
    serving.join().unwrap();
}

#[tokio::test]
async fn the_sockets_come_in_their_order_and_before_tcp() {
    let home = Home::new("order");
    let serving = serve_unix(&home.temp_socket(), HELLO);
    let client = home.builder(&home.tcp).connect().await.unwrap();
    assert_eq!(client.address(), &Address::Unix(home.temp_socket()));
    client.close().await.unwrap();
    serving.join().unwrap();

    let serving = serve_unix(&home.runtime_socket(), HELLO);
    let client = home.builder(&home.tcp).connect().await.unwrap();
    assert_eq!(client.address(), &Address::Unix(home.runtime_socket()));
    client.close().await.unwrap();
    serving.join().unwrap();
}

#[tokio::test]
async fn a_refusal_is_the_answer_and_no_other_address_is_tried() {
    let home = Home::new("busy");
    let serving = serve_unix(&home.runtime_socket(), BUSY);
    let refused = home.builder(&home.tcp).connect().await.unwrap_err();
    let ConnectError::Refused { code, message } = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(code, Some(crate::Code::Busy));
    assert_eq!(message, "the server is full");
    serving.join().unwrap();
}

#[tokio::test]
async fn when_none_answers_all_that_were_tried_are_named() {
    let home = Home::new("none");
    make_stale(&home.runtime_socket());
    let error = home.builder(&home.tcp).connect().await.unwrap_err();
    let ConnectError::NoServer { attempts } = &error else {
        panic!("{error:?}");
    };
    assert_eq!(attempts.len(), 3);
    let line = error.to_string();
    let runtime_socket = Address::Unix(home.runtime_socket());
    let temp_socket = Address::Unix(home.temp_socket());
    for address in [&runtime_socket, &temp_socket, &home.tcp] {
        assert!(line.contains(&address.to_string()), "{line}");
    }
    assert_eq!(line.lines().count(), 1, "{line}");
}

#[tokio::test]
async fn a_socket_that_somebody_else_may_have_put_there_is_passed_over() {
    let home = Home::new("others");
    let sockets = [home.runtime_socket(), home.temp_socket()];
    // Nobody would answer there, either.
    let listeners = sockets.map(|socket| {
        let everybody = fs::Permissions::from_mode(0o777);
        fs::set_permissions(socket.parent().unwrap(), everybody).unwrap();
        UnixListener::bind(socket).unwrap()
    });
    let (tcp, serving) = serve_tcp();
    let client = home.builder(&tcp).connect().await.unwrap();
    assert_eq!(client.address(), &tcp);
    client.close().await.unwrap();
    serving.join().unwrap();

    let error = home.builder(&home.tcp).connect().await.unwrap_err();
    let line = error.to_string();
    assert_eq!(
        line.matches("does not belong to this user alone").count(),
        2,
        "{line}"
    );
    drop(listeners);
}

#[tokio::test]
async fn after_a_loss_the_addresses_are_tried_anew() {
    let home = Home::new("anew");
    let listener = UnixListener::bind(home.runtime_socket()).unwrap();
    let (tcp, serving) = serve_tcp();
    let serving_once = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(HELLO.as_bytes()).unwrap();
        // The listener ends with the connection and leaves its file behind.
    });
    let client = home.builder(&tcp).connect().await.unwrap();
    let mut states = client.states();
    serving_once.join().unwrap();
    let is_back = |state: &ConnectionState| matches!(state, ConnectionState::Connected);
    let mut state = states.current();
    while is_back(&state) && client.address() != &tcp {
        state = states.changed().await.unwrap();
    }
    states.wait_for(is_back).await.unwrap();
    assert_eq!(client.address(), &tcp);
    client.close().await.unwrap();
    serving.join().unwrap();
}

#[tokio::test]
async fn waiting_for_the_server_tries_every_address_each_time() {
    let home = Home::new("waiting");
    make_stale(&home.runtime_socket());
    let builder = home.builder(&home.tcp).wait_for_server(None);
    let serve = async {
        // The first attempt has failed when this is polled.
        let serving = serve_unix(&home.temp_socket(), HELLO);
        (serving, ())
    };
    let (client, (serving, ())) = tokio::join!(builder.connect(), serve);
    let client = client.unwrap();
    assert_eq!(client.address(), &Address::Unix(home.temp_socket()));
    client.close().await.unwrap();
    serving.join().unwrap();
}

#[tokio::test]
async fn a_full_queue_of_connections_is_waited_for() {
    let home = Home::new("queue");
    let path = home.runtime_socket();
    let socket = tokio::net::UnixSocket::new_stream().unwrap();
    socket.bind(&path).unwrap();
    let listener = socket.listen(1).unwrap();
    let mut queued = Vec::new();
    let full = loop {
        match tokio::net::UnixStream::connect(&path).await {
            Ok(stream) => queued.push(stream),
            Err(error) => break error,
        }
    };
    assert_eq!(full.kind(), io::ErrorKind::WouldBlock);
    let serve = async {
        for _ in &queued {
            listener.accept().await.unwrap();
        }
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(HELLO.as_bytes()).await.unwrap();
        stream
    };
    let (client, _stream) = tokio::join!(home.builder(&home.tcp).connect(), serve);
    assert_eq!(client.unwrap().address(), &Address::Unix(path));
}

/// A writer to a peer that has closed.
struct Closed;

impl tokio::io::AsyncWrite for Closed {
    fn poll_write(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
        _buf: &[u8],
    ) -> std::task::Poll<io::Result<usize>> {
        std::task::Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn what_a_server_said_before_it_closed_is_read_though_nothing_can_be_written() {
    for (said, expected) in [
        (BUSY, "refused by the server: the server is full"),
        ("{\"error\":\"no room\"}", "refused by the server: no room"),
        (
            "{\"error\":\"later\",\"code\":\"of_tomorrow\"}",
            "refused by the server: later",
        ),
        ("", "tcp://h:1 closed the connection instead of answering"),
        (
            "{\"err",
            "tcp://h:1 closed the connection instead of answering",
        ),
    ] {
        let config = Client::builder().config;
        let address = "tcp://h:1".parse().unwrap();
        let reader = said.as_bytes();
        let halves: Halves = (Box::new(reader), Box::new(Closed));
        let Err(error) = greet(&address, &config, halves).await else {
            panic!("{said}");
        };
        assert_eq!(error.to_string(), expected, "{said}");
    }
}

#[tokio::test]
async fn the_servers_last_words_are_read_though_nothing_can_be_written_any_more() {
    let (mut server, reader) = tokio::io::duplex(1024);
    let link = Link {
        incoming: MessageReader::new(Box::new(reader), 1024),
        writer: Box::new(Closed),
        greeting: Greeting {
            place: 0,
            dialect: ipc_wire::Dialect::Lines,
            client: None,
            server: None,
            message_bytes: 1024,
        },
    };
    let config = Client::builder().reconnect(Reconnect::never()).config;
    let target = Target::given("tcp://h:1".parse().unwrap());
    let client = driver::start(target, config, link);
    client.emit("e", &1).unconfirmed().await.unwrap();
    // The writer fails; what the server said is still on its way.
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let words = b"{\"error\":\"too much\",\"code\":\"too_large\"}\n";
    server.write_all(words).await.unwrap();
    drop(server);
    let is_closed = |state: &ConnectionState| matches!(state, ConnectionState::Closed { .. });
    let state = client.states().wait_for(is_closed).await.unwrap();
    let ConnectionState::Closed {
        reason: Some(DisconnectReason::Refused { code, .. }),
    } = state
    else {
        panic!("{state:?}");
    };
    assert_eq!(code, Some(crate::Code::TooLarge));
}

#[test]
fn waiting_goes_on_only_where_it_may_help() {
    let io = |kind: io::ErrorKind| ConnectError::Io {
        address: "tcp://h:1".parse().unwrap(),
        source: Arc::new(kind.into()),
    };
    let refused = |code| ConnectError::Refused {
        code,
        message: String::new(),
    };
    for (error, may_pass) in [
        (io(io::ErrorKind::ConnectionRefused), true),
        (io(io::ErrorKind::NotFound), true),
        (io(io::ErrorKind::Other), true),
        (io(io::ErrorKind::PermissionDenied), false),
        (io(io::ErrorKind::NotADirectory), false),
        (refused(Some(crate::Code::Busy)), true),
        (refused(Some(crate::Code::ShuttingDown)), true),
        (refused(Some(crate::Code::AuthFailed)), false),
        (refused(None), false),
    ] {
        assert_eq!(error.may_pass(), may_pass, "{error}");
    }
    let attempts = vec![
        io(io::ErrorKind::PermissionDenied),
        io(io::ErrorKind::NotFound),
    ];
    assert!(ConnectError::NoServer { attempts }.may_pass());
    let attempts = vec![io(io::ErrorKind::PermissionDenied)];
    assert!(!ConnectError::NoServer { attempts }.may_pass());
}

#[test]
fn a_reason_of_a_disconnection_ends_with_its_cause() {
    let reason = DisconnectReason::Connect(ConnectError::Io {
        address: "tcp://h:1".parse().unwrap(),
        source: Arc::new(io::Error::other("cause")),
    });
    assert_eq!(
        reason.to_string(),
        "connecting again failed: cannot connect to tcp://h:1: cause"
    );
}
