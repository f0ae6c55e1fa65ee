//! `ipc list`: the registered objects.

use ipc_client::{ObjectInfo, Peer};

use crate::{
    args::{Global, List},
    connection,
    output::Output,
    table::{Column, Pages, join_for_cell},
};

const COLUMNS: &[Column] = &[
    Column::Name("OBJECT"),
    Column::Text("MODE"),
    Column::Text("PROVIDERS"),
    Column::Text("STANDBY"),
];

pub(crate) async fn run(list: List, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut server = connection::connect_once(global, "list", list.timeout, output).await?;
    let mut objects = server.client.list_objects();
    if let Some(client) = list.client {
        objects = objects.of_client(client);
    }
    let mut objects = objects.raw();
    let mut pages = Pages::new(COLUMNS);
    while let Some(page) = server.next_page("objects", &mut objects).await? {
        if !output.is_text() {
            page.iter()
                .try_for_each(|object| output.json(object.as_str()))?;
            continue;
        }
        let page: Result<Vec<ObjectInfo>, _> = page.iter().map(|object| object.parse()).collect();
        let rows = page?.into_iter().map(row);
        pages.print(rows, output)?;
    }
    if pages.is_empty() {
        let hint = list.client.map_or_else(
            || "no objects are registered".to_owned(),
            |client| format!("client {client} provides no object, or there is no such client"),
        );
        output.hint(&hint);
    }
    Ok(())
}

fn row(object: ObjectInfo) -> Vec<String> {
    let cell = |peers: &[Peer], n_more| join_for_cell(&peer_names(peers), n_more);
    let providers = cell(&object.providers, object.more_providers);
    let standby = cell(&object.standby, object.more_standby);
    vec![object.object, object.mode, providers, standby]
}

/// `3 (billing)`, `7`
pub(super) fn peer_names(peers: &[Peer]) -> Vec<String> {
    peers
        .iter()
        .map(|peer| match &peer.name {
            Some(name) => format!("{} ({name})", peer.client),
            None => peer.client.to_string(),
        })
        .collect()
}
