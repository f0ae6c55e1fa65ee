//! TCP sockets, and what host names stand for.
//!
//! A name may stand for addresses that the machine does not have: `::1` where IPv6 is switched
//! off, the address of an interface that is down. They are left out as long as another is left.

use std::{
    io,
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

use ipc_wire::Address;
use socket2::{Domain, Socket, TcpKeepalive, Type};

use super::{BACKLOG, BindError, Listener, ListeningSocket};

/// When the system asks whether a silent peer is still there. A peer that is half closed, and one
/// on another machine, can be gone without a word.
const KEEPALIVE: TcpKeepalive = TcpKeepalive::new()
    .with_time(Duration::from_secs(60))
    .with_interval(Duration::from_secs(10));

/// How many ports the system may choose until one is free on all addresses of a name: the chance
/// that the second address has the first's taken is small, so that a few suffice.
const MAX_PORTS_TRIED: usize = 16;

/// The sockets that an address stands for, each once; none for an address that is not TCP.
pub(super) fn resolve(address: &Address) -> Result<Vec<SocketAddr>, BindError> {
    let Address::Tcp { host, port } = address else {
        return Ok(Vec::new());
    };
    let found = (host.as_str(), *port).to_socket_addrs();
    let found = found.map_err(|error| BindError::Io {
        address: address.clone(),
        error,
    })?;
    let mut sockets: Vec<SocketAddr> = Vec::new();
    for socket in found {
        // `::ffff:127.0.0.1` is 127.0.0.1, which an IPv6 socket of ours does not serve.
        let socket = match socket.ip().to_canonical() {
            ip if ip == socket.ip() => socket,
            ip => SocketAddr::new(ip, socket.port()),
        };
        if !sockets.contains(&socket) {
            sockets.push(socket);
        }
    }
    if sockets.is_empty() {
        return Err(BindError::Io {
            address: address.clone(),
            error: io::Error::other("the name has no address"),
        });
    }
    Ok(sockets)
}

/// Leaves out what an address before stands for too, and what a socket for all addresses of the
/// machine serves, before or behind. Each port 0 is a port of its own.
pub(super) fn without_repeats(resolved: Vec<Vec<SocketAddr>>) -> Vec<Vec<SocketAddr>> {
    let all: Vec<SocketAddr> = resolved.iter().flatten().copied().collect();
    let is_served_by = |socket: SocketAddr, other: SocketAddr| {
        other.ip().is_unspecified()
            && other.is_ipv4() == socket.is_ipv4()
            && other.port() == socket.port()
            && other != socket
    };
    let mut kept = Vec::new();
    let mut keep = |&socket: &SocketAddr| {
        let is_repeated =
            kept.contains(&socket) || all.iter().any(|&other| is_served_by(socket, other));
        let keeps = socket.port() == 0 || !is_repeated;
        if keeps {
            kept.push(socket);
        }
        keeps
    };
    let mut resolved = resolved;
    for sockets in &mut resolved {
        sockets.retain(&mut keep);
    }
    resolved
}

/// Binds the sockets that an address stands for, all to one port.
pub(super) fn bind(address: &Address, sockets: &[SocketAddr]) -> Result<Vec<Listener>, BindError> {
    let mut n_tries = 1;
    loop {
        let bound = bind_all(address, sockets);
        let is_chosen = sockets.iter().any(|socket| socket.port() == 0);
        match &bound {
            Err(error) if is_chosen && error.is_taken() && n_tries < MAX_PORTS_TRIED => {
                n_tries += 1;
            }
            _ => return bound,
        }
    }
}

/// The port that the system chooses for the first socket is that of the others.
fn bind_all(address: &Address, sockets: &[SocketAddr]) -> Result<Vec<Listener>, BindError> {
    let mut listeners: Vec<Listener> = Vec::new();
    let mut missing = Vec::new();
    let mut chosen_port = None;
    for &(mut socket) in sockets {
        if let (0, Some(port)) = (socket.port(), chosen_port) {
            socket.set_port(port);
        }
        match bind_one(socket) {
            Ok((listener, port)) => {
                chosen_port = Some(port);
                listeners.push(listener);
            }
            Err(error) if is_missing(&error, socket) => missing.push((socket.ip(), error)),
            Err(error) => {
                let address = address_of(socket);
                return Err(BindError::Io { address, error });
            }
        }
    }
    if listeners.is_empty() && !missing.is_empty() {
        return Err(BindError::NoSuchAddress {
            address: address.clone(),
            missing: missing.into_iter().map(|(ip, _)| ip).collect(),
        });
    }
    for (ip, error) in missing {
        tracing::warn!(%address, %error, "this machine does not have {ip}; it is left out");
    }
    Ok(listeners)
}

/// Whether the machine does not have an address, as opposed to not giving it to us.
fn is_missing(error: &io::Error, socket: SocketAddr) -> bool {
    // An address that holds on one link says nothing without that link.
    let is_incomplete = matches!(
        socket,
        SocketAddr::V6(socket) if socket.ip().is_unicast_link_local() && socket.scope_id() == 0
    );
    error.kind() == io::ErrorKind::AddrNotAvailable || is_incomplete || lacks_family(error)
}

/// Whether the machine lacks all addresses of this kind, or the network interface that the address
/// names.
#[cfg(unix)]
fn lacks_family(error: &io::Error) -> bool {
    use rustix::io::Errno;

    let lacking = [Errno::AFNOSUPPORT, Errno::PROTONOSUPPORT, Errno::NODEV];
    Errno::from_io_error(error).is_some_and(|errno| lacking.contains(&errno))
}

#[cfg(not(unix))]
fn lacks_family(_error: &io::Error) -> bool {
    false
}

fn bind_one(address: SocketAddr) -> io::Result<(Listener, u16)> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Accepted connections inherit it.
    socket.set_tcp_keepalive(&KEEPALIVE)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG.into())?;
    let socket = mio::net::TcpListener::from_std(socket.into());
    let local = socket.local_addr()?;
    let listener = Listener::new(ListeningSocket::Tcp(socket), address_of(local));
    Ok((listener, local.port()))
}

fn address_of(socket: SocketAddr) -> Address {
    Address::Tcp {
        host: socket.ip().to_string(),
        port: socket.port(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_socket_is_bound_once_however_often_and_widely_it_is_named() {
        let named = vec![
            sockets(&["127.0.0.1:1", "[::1]:1"]),
            sockets(&["127.0.0.1:1", "127.0.0.1:2", "127.0.0.1:0"]),
            sockets(&[
                "0.0.0.0:2",
                "0.0.0.0:2",
                "[::1]:2",
                "127.0.0.1:0",
                "0.0.0.0:0",
            ]),
        ];
        let bound = without_repeats(named);
        assert_eq!(bound[0], sockets(&["127.0.0.1:1", "[::1]:1"]));
        assert_eq!(bound[1], sockets(&["127.0.0.1:0"]));
        assert_eq!(
            bound[2],
            sockets(&["0.0.0.0:2", "[::1]:2", "127.0.0.1:0", "0.0.0.0:0"])
        );
    }

    #[test]
    fn an_ipv4_address_in_the_clothes_of_ipv6_is_an_ipv4_address() {
        let address = "tcp://[::ffff:127.0.0.1]:5".parse().unwrap();
        assert_eq!(resolve(&address).unwrap(), sockets(&["127.0.0.1:5"]));
    }
}
