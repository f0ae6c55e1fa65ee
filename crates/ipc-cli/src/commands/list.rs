//! `ipc list`: the registered objects.

use ipc_client::{ObjectInfo, Peer, RawJson};

use crate::{
    args::Global,
    connection,
    output::Output,
    patience::Patience,
    table::{self, Column},
};

const COLUMNS: &[Column] = &[
    Column::Name("OBJECT"),
    Column::Text("MODE"),
    Column::Text("PROVIDERS"),
    Column::Text("STANDBY"),
];

pub(crate) async fn run(
    patience: Patience,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let client = connection::connect_once(global, "list", patience).await?;
    let objects = connection::ask(&client, "objects", None).await?;
    if !output.is_text() {
        for object in objects.parse::<Vec<RawJson>>()? {
            output.json(object.as_str())?;
        }
        return Ok(());
    }
    let objects: Vec<ObjectInfo> = objects.parse()?;
    if objects.is_empty() {
        output.hint("no objects are registered");
        return Ok(());
    }
    let rows = objects.into_iter().map(|object| {
        let (providers, standby) = (peers(&object.providers), peers(&object.standby));
        vec![object.object, object.mode, providers, standby]
    });
    output.text(&table::render(COLUMNS, rows, output))?;
    Ok(())
}

/// `3 (billing), 7`
pub(super) fn peers(peers: &[Peer]) -> String {
    let peers: Vec<_> = peers
        .iter()
        .map(|peer| match &peer.name {
            Some(name) => format!("{} ({name})", peer.client),
            None => peer.client.to_string(),
        })
        .collect();
    peers.join(", ")
}
