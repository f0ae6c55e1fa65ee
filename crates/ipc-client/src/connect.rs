//! Making a connection: one address after the other, and again while the server is still to come.

use std::{io, sync::Arc, time::Duration};

use ipc_wire::Address;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout},
};

use crate::{
    ConnectError, Reconnect,
    address::Target,
    builder::Config,
    greeting::{Halves, Link, greet},
};

/// How often a Unix socket is tried whose queue of connections is full. Unlike with TCP, the
/// system does not wait for room there.
#[cfg(unix)]
const FULL_QUEUE_PAUSE: Duration = Duration::from_millis(10);

/// The longest pause while a server is waited for: somebody waits, and the time is short.
const MAX_WAITING_PAUSE: Duration = Duration::from_secs(1);

/// Connects for the first time: waits for the server to come, as long as the configuration says.
pub(crate) async fn connect_first(target: &Target, config: &Config) -> Result<Link, ConnectError> {
    let after = config.wait_for_server;
    if after.is_zero() {
        return connect(target, config).await;
    }
    let pauses = config.reconnect.or_default();
    let mut reason = None;
    let trying = async {
        let mut attempt = 0;
        loop {
            match connect(target, config).await {
                Err(error) if error.may_pass() => reason = Some(error),
                outcome => return outcome,
            }
            let pause = pauses.delay(attempt).unwrap_or_default();
            tokio::time::sleep(pause.min(MAX_WAITING_PAUSE)).await;
            attempt = attempt.saturating_add(1);
        }
    };
    if let Ok(outcome) = timeout(after, trying).await {
        return outcome;
    }
    Err(match reason {
        Some(source) => ConnectError::NotInTime {
            after,
            source: Box::new(source),
        },
        None => ConnectError::Timeout {
            address: target.address(0).clone(),
            after,
        },
    })
}

/// Connects to the first address at which anything listens, and greets the server there, each
/// within the time that the configuration gives. What the server answers is the answer, a
/// refusal included: the addresses that follow are not tried.
pub(crate) async fn connect(target: &Target, config: &Config) -> Result<Link, ConnectError> {
    let after = config.connect_timeout;
    let mut attempts = Vec::new();
    for (place, candidate) in target.candidates().iter().enumerate() {
        let address = &candidate.address;
        let opening = async {
            candidate.check()?;
            open(address).await
        };
        let start = Instant::now();
        let too_late = |_elapsed| ConnectError::Timeout {
            address: address.clone(),
            after,
        };
        match timeout(after, opening).await.map_err(too_late)? {
            Ok(halves) => {
                let left = after.saturating_sub(start.elapsed());
                let greeting = timeout(left, greet(address, config, halves));
                let mut link = greeting.await.map_err(too_late)??;
                link.greeting.place = place;
                return Ok(link);
            }
            Err(error) => attempts.push(error),
        }
    }
    match attempts.pop() {
        Some(error) if attempts.is_empty() => Err(error),
        last => {
            attempts.extend(last);
            Err(ConnectError::NoServer { attempts })
        }
    }
}

async fn open(address: &Address) -> Result<Halves, ConnectError> {
    let failed = |source: io::Error| ConnectError::Io {
        address: address.clone(),
        source: Arc::new(source),
    };
    match address {
        Address::Tcp { host, port } => {
            let stream = TcpStream::connect((host.as_str(), *port))
                .await
                .map_err(failed)?;
            // Where nobody listens, the system can choose the very port that is connected to for
            // our side, and connect us to ourselves.
            if stream.local_addr().ok() == stream.peer_addr().ok() {
                return Err(failed(io::ErrorKind::ConnectionRefused.into()));
            }
            // Messages are already gathered before they are written.
            stream.set_nodelay(true).map_err(failed)?;
            let (reader, writer) = stream.into_split();
            Ok((Box::new(reader), Box::new(writer)))
        }
        #[cfg(unix)]
        Address::Unix(path) => loop {
            match tokio::net::UnixStream::connect(path).await {
                Ok(stream) => {
                    let (reader, writer) = stream.into_split();
                    return Ok((Box::new(reader), Box::new(writer)));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    tokio::time::sleep(FULL_QUEUE_PAUSE).await;
                }
                Err(error) => return Err(failed(error)),
            }
        },
        _ => Err(ConnectError::NoUnixSockets {
            address: address.clone(),
        }),
    }
}

impl Reconnect {
    /// The pauses between attempts at the first connection: its own, or the default ones for a
    /// client that does not connect again.
    fn or_default(&self) -> Self {
        if self.delay(0).is_some() {
            self.clone()
        } else {
            Self::default()
        }
    }
}

#[cfg(test)]
mod tests;
