//! The brokers that are measured: how each is found, started, and spoken to.

mod start;

use std::path::PathBuf;

use anyhow::Context;

use crate::{
    dialect::{
        Dialect, dbus::Dbus, ipc_broker::IpcBroker, line::Line, mqtt::Mqtt, nats::Nats,
        redis::Redis, relay::Framed,
    },
    link::{Address, Link},
    process::Process,
    role::Role,
};

pub(crate) use start::find;

/// A broker to be measured.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Ours,
    Relay,
    NatsDebian,
    NatsCurrent,
    Redis,
    Mosquitto,
    DbusDaemon,
    DbusBroker,
    Busd,
    IpcBroker,
    Zenoh,
}

impl Kind {
    /// How the load speaks to it, unless its library alone can.
    fn dialect(self) -> Option<Box<dyn Dialect>> {
        Some(match self {
            Self::Ours => Box::new(Line),
            Self::Relay => Box::new(Framed),
            Self::NatsDebian | Self::NatsCurrent => Box::new(Nats),
            Self::Redis => Box::new(Redis),
            Self::Mosquitto => Box::new(Mqtt),
            Self::DbusDaemon | Self::DbusBroker | Self::Busd => Box::new(Dbus),
            Self::IpcBroker => Box::new(IpcBroker),
            Self::Zenoh => return None,
        })
    }
}

/// A broker and how it is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Spec {
    pub(crate) kind: Kind,
    /// Over a Unix socket, or else TCP.
    pub(crate) is_unix: bool,
}

impl Spec {
    /// All of them, ours first.
    pub(crate) const ALL: [Self; 13] = [
        Self::new(Kind::Ours, false),
        Self::new(Kind::Ours, true),
        Self::new(Kind::Relay, false),
        Self::new(Kind::Relay, true),
        Self::new(Kind::NatsDebian, false),
        Self::new(Kind::NatsCurrent, false),
        Self::new(Kind::Redis, false),
        Self::new(Kind::Mosquitto, false),
        Self::new(Kind::DbusDaemon, true),
        Self::new(Kind::DbusBroker, true),
        Self::new(Kind::Busd, true),
        Self::new(Kind::IpcBroker, true),
        Self::new(Kind::Zenoh, false),
    ];

    const fn new(kind: Kind, is_unix: bool) -> Self {
        Self { kind, is_unix }
    }

    /// The one of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|spec| spec.name() == name)
    }

    /// The name in tables and files.
    pub(crate) fn name(self) -> &'static str {
        match (self.kind, self.is_unix) {
            (Kind::Ours, false) => "ours, TCP",
            (Kind::Ours, true) => "ours, Unix",
            (Kind::Relay, false) => "raw relay, TCP",
            (Kind::Relay, true) => "raw relay, Unix",
            (Kind::NatsDebian, _) => "NATS of Debian",
            (Kind::NatsCurrent, _) => "NATS, current",
            (Kind::Redis, _) => "Redis",
            (Kind::Mosquitto, _) => "mosquitto",
            (Kind::DbusDaemon, _) => "dbus-daemon",
            (Kind::DbusBroker, _) => "dbus-broker",
            (Kind::Busd, _) => "busd",
            (Kind::IpcBroker, _) => "ipc-broker",
            (Kind::Zenoh, _) => "zenoh",
        }
    }

    pub(crate) fn transport(self) -> &'static str {
        if self.is_unix { "Unix" } else { "TCP" }
    }

    /// Whether the load can speak to it; otherwise only its library is measured.
    pub(crate) fn has_dialect(self) -> bool {
        self.kind.dialect().is_some()
    }

    pub(crate) fn has_calls(self) -> bool {
        !matches!(self.kind, Kind::Redis | Kind::Mosquitto)
    }

    /// Whether setting up a connection and registering names is part of its protocol.
    pub(crate) fn has_names(self) -> bool {
        self.kind != Kind::Relay
    }

    /// Whether it speaks D-Bus, and zbus may be its client.
    pub(crate) fn is_dbus(self) -> bool {
        matches!(self.kind, Kind::DbusDaemon | Kind::DbusBroker | Kind::Busd)
    }

    /// The library whose numbers may be compared with those of our client.
    pub(crate) fn is_nats(self) -> bool {
        matches!(self.kind, Kind::NatsDebian | Kind::NatsCurrent)
    }
}

/// Where programs and files are.
#[derive(Debug)]
pub(crate) struct Places {
    /// Our server; without it, the library of it in a process of the benchmark.
    pub(crate) server: Option<PathBuf>,
    /// Where `--setup` puts what no package of the system has.
    pub(crate) installed: PathBuf,
    /// For sockets and configurations.
    pub(crate) scratch: tempfile::TempDir,
}

/// A broker that is running.
pub(crate) struct Peer {
    pub(crate) process: Process,
    pub(crate) site: Site,
}

impl Peer {
    /// Starts the broker and waits until it listens.
    pub(crate) fn start(spec: Spec, places: &Places) -> anyhow::Result<Self> {
        start::start(spec, places).with_context(|| format!("cannot start {}", spec.name()))
    }
}

/// Where a broker is, and how to speak to it.
pub(crate) struct Site {
    pub(crate) spec: Spec,
    dialect: Option<Box<dyn Dialect>>,
    /// One for each role, in the order of [`Role::ALL`].
    pub(crate) addresses: Vec<Address>,
}

impl Site {
    pub(crate) fn new(spec: Spec, addresses: Vec<Address>) -> Self {
        Self {
            spec,
            dialect: spec.kind.dialect(),
            addresses,
        }
    }

    /// The protocol, if the load speaks it.
    pub(crate) fn dialect(&self) -> anyhow::Result<&dyn Dialect> {
        let dialect = self.dialect.as_deref();
        dialect.with_context(|| format!("only its library speaks to {}", self.spec.name()))
    }

    /// A connection that is ready for anything.
    pub(crate) fn connect(&self, role: Role) -> anyhow::Result<Link> {
        let position = Role::ALL.iter().position(|other| *other == role);
        let address = &self.addresses[position.unwrap_or_default()];
        let mut link = Link::connect(address)?;
        let greeted = self.dialect()?.greet(&mut link);
        greeted.with_context(|| format!("{} does not welcome a connection", self.spec.name()))?;
        Ok(link)
    }
}
