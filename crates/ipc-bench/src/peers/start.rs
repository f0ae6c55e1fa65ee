//! Starting each kind of broker with limits that the works do not reach, on addresses that are
//! free.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Context, bail, ensure};

use super::{Kind, Peer, Places, Site, Spec};
use crate::{
    link::{Address, Link},
    process::{Launch, Process},
    role::Role,
    setup::{IPC_BROKER, PIP},
};

/// Connections that a broker has to bear, and some to spare.
const MAX_CONNECTIONS: usize = 16_000;

/// Where ipc-broker listens, whatever it is told.
const IPC_BROKER_SOCKET: &str = "/tmp/ipc_broker.sock";

/// Where programs are that only administrators usually run.
const SYSTEM_DIRECTORIES: [&str; 2] = ["/usr/sbin", "/usr/local/sbin"];

/// The program of a broker, and what it calls its version; an error says that it is not there.
pub(crate) fn find(kind: Kind, places: &Places) -> anyhow::Result<(PathBuf, String)> {
    let program = match kind {
        Kind::Ours => match &places.server {
            Some(server) => server.clone(),
            None => return itself("the library in the benchmark's own build"),
        },
        Kind::Relay => return itself("of the benchmark"),
        Kind::NatsCurrent => places.installed.join(PIP).join("bin/nats-server"),
        Kind::NatsDebian => on_path("nats-server")?,
        Kind::Redis => on_path("redis-server")?,
        Kind::Mosquitto => on_path("mosquitto")?,
        Kind::DbusDaemon => on_path("dbus-daemon")?,
        Kind::Busd => places.installed.join("bin/busd"),
        Kind::Zenoh => places.installed.join("bin/ipc-bench-zenoh"),
        Kind::IpcBroker => {
            let program = places.installed.join("bin/ipc-broker");
            ensure!(program.is_file(), "ipc-broker is not installed");
            // It does not tell its version: it would start.
            return Ok((program, format!("ipc-broker {IPC_BROKER}")));
        }
        Kind::DbusBroker => {
            on_path("dbus-broker")?;
            on_path("dbus-broker-launch")?
        }
    };
    let flag = if kind == Kind::Mosquitto {
        "-h"
    } else {
        "--version"
    };
    let output = Command::new(&program)
        .arg(flag)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("{} is not installed", program.display()))?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text.lines().next().unwrap_or("unknown").trim().to_owned();
    Ok((program, version))
}

fn itself(version: &str) -> anyhow::Result<(PathBuf, String)> {
    Ok((std::env::current_exe()?, version.to_owned()))
}

fn on_path(program: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(SYSTEM_DIRECTORIES.map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|path| path.is_file())
        .with_context(|| format!("{program} is not installed"))
}

pub(super) fn start(spec: Spec, places: &Places) -> anyhow::Result<Peer> {
    let (program, _) = find(spec.kind, places)?;
    let program = program.to_str().context("the path is no text")?;
    if spec.kind == Kind::Relay {
        return relay(spec, program, places);
    }
    let address = if spec.kind == Kind::IpcBroker {
        let address = Address::Unix(IPC_BROKER_SOCKET.into());
        ensure!(Link::connect(&address).is_err(), "another one is running");
        address
    } else if spec.is_unix {
        Address::Unix(scratch(places, "sock"))
    } else {
        Address::free_port()?
    };
    let arguments = match spec.kind {
        Kind::Ours | Kind::Relay => ours(&address, places),
        Kind::NatsDebian | Kind::NatsCurrent => nats(&address, places)?,
        Kind::Redis => redis(&address),
        Kind::Mosquitto => mosquitto(&address, places)?,
        Kind::DbusDaemon => dbus_daemon(&address, places)?,
        Kind::Busd => words(["--config", &dbus_config(&address, places)?]),
        Kind::IpcBroker => Vec::new(),
        Kind::Zenoh => words(["router", &address.to_string()]),
        Kind::DbusBroker => return dbus_broker(spec, program, address, places),
    };
    let process = Process::start(Launch::broker(program, &arguments))?;
    ready(spec, process, address)
}

fn ready(spec: Spec, process: Process, address: Address) -> anyhow::Result<Peer> {
    address.wait()?;
    let site = Site::new(spec, vec![address; Role::ALL.len()]);
    Ok(Peer { process, site })
}

fn relay(spec: Spec, program: &str, places: &Places) -> anyhow::Result<Peer> {
    let addresses: Vec<_> = Role::ALL
        .iter()
        .map(|_| {
            if spec.is_unix {
                Ok(Address::Unix(scratch(places, "sock")))
            } else {
                Address::free_port()
            }
        })
        .collect::<Result<_, _>>()?;
    let mut arguments = vec!["relay".to_owned()];
    arguments.extend(addresses.iter().map(ToString::to_string));
    let mut process = Process::start(Launch {
        is_heard: true,
        ..Launch::broker(program, &arguments)
    })?;
    process.line()?;
    let site = Site::new(spec, addresses);
    Ok(Peer { process, site })
}

fn ours(address: &Address, places: &Places) -> Vec<String> {
    let connections = MAX_CONNECTIONS.to_string();
    let mut arguments = words(["--listen", &address.to_string(), "--log", "error"]);
    arguments.extend(words(["--max-connections", &connections]));
    arguments.extend(words(["--max-connections-per-user", &connections]));
    if places.server.is_none() {
        arguments = words(["server", &address.to_string()]);
    }
    arguments
}

fn nats(address: &Address, places: &Places) -> anyhow::Result<Vec<String>> {
    let config = write(
        places,
        "conf",
        &format!(
            "host: 127.0.0.1\nport: {}\nmax_payload: 33554432\nmax_pending: 268435456\n\
             max_connections: {MAX_CONNECTIONS}\nping_interval: \"10m\"\n",
            address.port()
        ),
    )?;
    Ok(words(["-c", &config]))
}

fn redis(address: &Address) -> Vec<String> {
    let (port, connections) = (address.port().to_string(), MAX_CONNECTIONS.to_string());
    let mut arguments = words(["--bind", "127.0.0.1", "--port", &port, "--save", ""]);
    arguments.extend(words(["--appendonly", "no", "--maxclients", &connections]));
    arguments.extend(words(["--client-output-buffer-limit", "pubsub 0 0 0"]));
    arguments
}

fn mosquitto(address: &Address, places: &Places) -> anyhow::Result<Vec<String>> {
    let config = write(
        places,
        "conf",
        &format!(
            "listener {} 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\n\
             max_queued_messages 0\nlog_type none\n",
            address.port()
        ),
    )?;
    Ok(words(["-c", &config]))
}

fn dbus_daemon(address: &Address, places: &Places) -> anyhow::Result<Vec<String>> {
    let config = dbus_config(address, places)?;
    Ok(words(["--nofork", "--config-file", &config]))
}

/// The launcher wants the socket that it is to listen on as descriptor 3, as systemd hands it.
fn dbus_broker(
    spec: Spec,
    program: &str,
    address: Address,
    places: &Places,
) -> anyhow::Result<Peer> {
    let Address::Unix(path) = &address else {
        bail!("dbus-broker listens at paths only");
    };
    let config = dbus_config(&address, places)?;
    let path = path.to_str().context("the path is no text")?;
    let script = include_str!("dbus_broker.py");
    let arguments = words(["-c", script, path, program, &config]);
    let mut process = Process::start(Launch::broker("python3", &arguments))?;
    process.command = format!("{program} --scope user --config-file {config}");
    ready(spec, process, address)
}

fn dbus_config(address: &Address, places: &Places) -> anyhow::Result<String> {
    let Address::Unix(path) = address else {
        bail!("D-Bus is measured over Unix sockets");
    };
    let limits: String = [
        ("max_incoming_bytes", 1_000_000_000),
        ("max_outgoing_bytes", 1_000_000_000),
        ("max_message_size", 100_000_000),
        ("max_completed_connections", MAX_CONNECTIONS),
        ("max_incomplete_connections", MAX_CONNECTIONS),
        ("max_connections_per_user", MAX_CONNECTIONS),
        ("max_names_per_connection", MAX_CONNECTIONS),
        ("max_match_rules_per_connection", MAX_CONNECTIONS),
        ("max_replies_per_connection", MAX_CONNECTIONS),
    ]
    .iter()
    .map(|(name, limit)| format!("<limit name=\"{name}\">{limit}</limit>\n"))
    .collect();
    write(
        places,
        "xml",
        &format!(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN\"\n \
             \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig>\n\
             <type>session</type>\n<listen>unix:path={}</listen>\n<auth>EXTERNAL</auth>\n\
             <policy context=\"default\"><allow send_destination=\"*\"/><allow own=\"*\"/>\
             <allow receive_sender=\"*\"/></policy>\n{limits}</busconfig>\n",
            path.display()
        ),
    )
}

fn words<const N: usize>(words: [&str; N]) -> Vec<String> {
    words.map(str::to_owned).to_vec()
}

/// A path that nothing has yet.
fn scratch(places: &Places, extension: &str) -> PathBuf {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let directory: &Path = places.scratch.path();
    directory.join(format!("{number}.{extension}"))
}

fn write(places: &Places, extension: &str, text: &str) -> anyhow::Result<String> {
    let path = scratch(places, extension);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path.to_str().context("the path is no text")?.to_owned())
}
