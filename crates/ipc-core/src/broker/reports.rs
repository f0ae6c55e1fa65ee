//! What the server says of itself, key by key in the order of the protocol document.

use ipc_wire::{Dialect, Name};
use serde::Serialize;

use crate::{
    io::SessionId,
    registry::{Claim, Object},
    session::Session,
    sessions::Sessions,
    stats::Stats,
};

/// The response to `hello`.
#[derive(Debug, Serialize)]
pub(super) struct Greeting<'a> {
    pub(super) protocol: u32,
    pub(super) server: &'a str,
    pub(super) client: u64,
    pub(super) limits: GreetingLimits,
}

#[derive(Debug, Serialize)]
pub(super) struct GreetingLimits {
    pub(super) message_bytes: usize,
    pub(super) names: usize,
    pub(super) subscriptions: usize,
    pub(super) requests: usize,
    pub(super) outbox_bytes: usize,
}

/// One object, for `objects` and `describe`.
#[derive(Debug, Serialize)]
pub(super) struct ObjectReport<'a> {
    object: &'a str,
    mode: &'static str,
    providers: Vec<ClaimReport<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    more_providers: usize,
    standby: Vec<ClaimReport<'a>>,
    #[serde(skip_serializing_if = "is_zero")]
    more_standby: usize,
}

#[derive(Debug, Serialize)]
struct ClaimReport<'a> {
    client: u64,
    name: Option<&'a str>,
}

impl<'a> ObjectReport<'a> {
    /// Names at most `max_items` providers, and as many who stand by.
    pub(super) fn new(
        name: &'a str,
        object: &Object,
        sessions: &'a Sessions,
        max_items: usize,
    ) -> Self {
        let report = |claim: &Claim| ClaimReport {
            client: claim.session.client(),
            name: sessions.get(claim.session).and_then(name_of),
        };
        Self {
            object: name,
            mode: object.mode().as_str(),
            providers: object
                .providers
                .iter()
                .take(max_items)
                .map(report)
                .collect(),
            more_providers: object.providers.len().saturating_sub(max_items),
            standby: object.standby.iter().take(max_items).map(report).collect(),
            more_standby: object.standby.len().saturating_sub(max_items),
        }
    }

    /// The object that the server itself provides.
    pub(super) fn of_server(server: &'a str) -> Self {
        let providers = vec![ClaimReport {
            client: 0,
            name: Some(server),
        }];
        Self {
            object: ipc_wire::IPC_OBJECT,
            mode: "exclusive",
            providers,
            more_providers: 0,
            standby: Vec::new(),
            more_standby: 0,
        }
    }
}

/// One connection, for `clients`.
#[derive(Debug, Serialize)]
pub(super) struct ClientReport<'a> {
    client: u64,
    name: Option<&'a str>,
    dialect: &'static str,
    address: &'a str,
    pid: Option<u32>,
    uid: Option<u32>,
    objects: Vec<&'a str>,
    #[serde(skip_serializing_if = "is_zero")]
    more_objects: usize,
    subscriptions: usize,
    calls_out: usize,
    calls_in: usize,
    queued_bytes: usize,
    events_dropped: u64,
}

impl<'a> ClientReport<'a> {
    /// Names at most `max_items` objects.
    pub(super) fn new(session: &'a Session, max_items: usize) -> Self {
        Self {
            client: session.id.client(),
            name: name_of(session),
            dialect: match session.dialect {
                Dialect::Seed => "seed",
                Dialect::Lines => "lines",
            },
            address: &session.peer.address,
            pid: session.peer.pid,
            uid: session.peer.uid,
            objects: session
                .objects
                .iter()
                .take(max_items)
                .map(Name::as_str)
                .collect(),
            more_objects: session.objects.len().saturating_sub(max_items),
            subscriptions: session.subscriptions.len(),
            calls_out: session.calls_out.len(),
            calls_in: session.calls_in.len(),
            queued_bytes: session.queued_bytes(),
            events_dropped: session.n_lost,
        }
    }
}

/// The response to `stats`.
#[derive(Debug, Serialize)]
pub(super) struct StatsReport<'a> {
    pub(super) server: &'a str,
    pub(super) uptime_s: u64,
    pub(super) connections: usize,
    pub(super) objects: usize,
    pub(super) subscriptions: usize,
    #[serde(flatten)]
    pub(super) stats: Stats,
}

/// The result of `ipc.object.registered` and `ipc.object.unregistered`.
#[derive(Debug, Serialize)]
pub(super) struct ObjectEvent<'a> {
    object: &'a str,
    client: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> ObjectEvent<'a> {
    pub(super) const fn new(object: &'a str, session: SessionId, reason: Option<&'a str>) -> Self {
        Self {
            object,
            client: session.client(),
            reason,
        }
    }
}

/// The result of `ipc.client.connected` and `ipc.client.disconnected`.
#[derive(Debug, Serialize)]
pub(super) struct ClientEvent<'a> {
    client: u64,
    name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl<'a> ClientEvent<'a> {
    pub(super) fn new(session: SessionId, name: Option<&'a Name>, reason: Option<&'a str>) -> Self {
        Self {
            client: session.client(),
            name: name.map(Name::as_str),
            reason,
        }
    }
}

/// The result of `ipc.lost`.
#[derive(Debug, Serialize)]
pub(super) struct Lost<'a> {
    pub(super) event: &'a str,
    pub(super) count: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(n_more: &usize) -> bool {
    *n_more == 0
}

fn name_of(session: &Session) -> Option<&str> {
    session.name.as_ref().map(Name::as_str)
}
