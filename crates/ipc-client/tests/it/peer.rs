//! A server by hand: it accepts, reads whole messages, and writes what the test says.

use std::time::Duration;

use ipc_client::{Builder, Client, Reconnect};
use ipc_wire::{DecodeLimits, Decoder, Dialect};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

pub(crate) struct Server {
    listener: TcpListener,
}

pub(crate) struct Peer {
    stream: TcpStream,
    decoder: Decoder,
    chunk: Vec<u8>,
    start: usize,
}

impl Server {
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { listener }
    }

    pub(crate) fn client(&self) -> Builder {
        let address = self.listener.local_addr().unwrap();
        Client::builder()
            .address(format!("tcp://{address}").parse().unwrap())
            .reconnect(Reconnect::between(
                Duration::from_millis(1),
                Duration::from_millis(5),
            ))
    }

    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = self.listener.accept().await.unwrap();
        Peer {
            stream,
            decoder: Decoder::new(DecodeLimits::default()),
            chunk: Vec::new(),
            start: 0,
        }
    }

    /// Accepts and answers the greeting as a server of today.
    pub(crate) async fn accept_greeted(&self) -> Peer {
        let mut peer = self.accept().await;
        let hello = peer.next().await;
        assert_eq!(hello["object"], "ipc");
        assert_eq!(hello["method"], "hello");
        let answer = json!({"protocol": 1, "server": "ipc-server/0.1.0", "client": 17,
            "limits": {"message_bytes": 16_777_216}});
        peer.respond(&hello, &answer).await;
        peer
    }

    /// A client and the server's side of its connection.
    pub(crate) async fn connected(&self) -> (Client, Peer) {
        self.connected_as(self.client()).await
    }

    pub(crate) async fn connected_as(&self, builder: Builder) -> (Client, Peer) {
        let (client, peer) = tokio::join!(builder.connect(), self.accept_greeted());
        (client.unwrap(), peer)
    }
}

impl Peer {
    /// The next message.
    pub(crate) async fn next(&mut self) -> Value {
        self.try_next()
            .await
            .expect("the client closed the connection")
    }

    /// The next message; `None` when the client closed the connection.
    pub(crate) async fn try_next(&mut self) -> Option<Value> {
        loop {
            let mut input = &self.chunk[self.start..];
            let message = self.decoder.decode(&mut input).unwrap();
            self.start = self.chunk.len() - input.len();
            if let Some(message) = message {
                let mut text = Vec::new();
                message.encode(&mut text, Dialect::Lines);
                return Some(serde_json::from_slice(&text).unwrap());
            }
            self.chunk.resize(4096, 0);
            let n_read = self.stream.read(&mut self.chunk).await.unwrap_or(0);
            self.chunk.truncate(n_read);
            self.start = 0;
            if n_read == 0 {
                return None;
            }
        }
    }

    /// What one read returns, as a server of the seed system takes it.
    pub(crate) async fn read_once(&mut self) -> Value {
        let text = self.read_once_raw().await;
        serde_json::from_slice(&text).expect("one read is one message")
    }

    pub(crate) async fn read_once_raw(&mut self) -> Vec<u8> {
        let mut bytes = vec![0; 65536];
        let n_read = self.stream.read(&mut bytes).await.unwrap();
        bytes.truncate(n_read);
        bytes
    }

    pub(crate) async fn send(&mut self, message: &Value) {
        self.send_text(&format!("{message}\n")).await;
    }

    pub(crate) async fn send_text(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Sends what may not be taken, to a client that may be gone.
    pub(crate) async fn try_send(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes).await
    }

    pub(crate) async fn respond(&mut self, request: &Value, response: &Value) {
        self.send(&json!({"response": response, "id": request["id"]}))
            .await;
    }

    /// Answers a registration, a subscription or an event.
    pub(crate) async fn succeed(&mut self, request: &Value) {
        self.send(&json!({"success": "OK", "delivered": 1, "id": request["id"]}))
            .await;
    }

    /// Reads the next message, which is answered with success.
    pub(crate) async fn succeed_next(&mut self) -> Value {
        let request = self.next().await;
        self.succeed(&request).await;
        request
    }
}
