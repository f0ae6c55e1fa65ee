//! `ipc clients`: the server's connections.

use ipc_client::ClientInfo;

use crate::{
    args::{Clients, Global},
    connection,
    output::Output,
    table::{Column, Pages, join_for_cell},
};

const COLUMNS: &[Column] = &[
    Column::Number("CLIENT"),
    Column::Name("NAME"),
    Column::Text("DIALECT"),
    Column::Text("ADDRESS"),
    Column::Text("PID/UID"),
    Column::Text("OBJECTS"),
    Column::Number("SUBS"),
    Column::Number("IN"),
    Column::Number("OUT"),
    Column::Number("QUEUED"),
    Column::Number("LOST"),
];

pub(crate) async fn run(clients: Clients, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut server = connection::connect_once(global, "clients", clients.timeout, output).await?;
    let mut listing = server.client.list_clients();
    if let Some(object) = &clients.object {
        listing = listing.of_object(object);
    }
    let mut listing = listing.raw();
    let mut pages = Pages::new(COLUMNS);
    while let Some(page) = server.next_page("clients", &mut listing).await? {
        if !output.is_text() {
            page.iter()
                .try_for_each(|client| output.json(client.as_str()))?;
            continue;
        }
        let page: Result<Vec<ClientInfo>, _> = page.iter().map(|client| client.parse()).collect();
        let rows = page?.into_iter().map(row);
        pages.print(rows, output)?;
    }
    if pages.is_empty() {
        output.hint("no client provides the object or stands by for it");
    }
    Ok(())
}

fn row(client: ClientInfo) -> Vec<String> {
    let process = match (client.pid, client.uid) {
        (None, None) => String::new(),
        (pid, uid) => {
            let number = |id: Option<u32>| id.map_or_else(|| "?".to_owned(), |id| id.to_string());
            format!("{}/{}", number(pid), number(uid))
        }
    };
    vec![
        client.client.to_string(),
        client.name.unwrap_or_default(),
        client.dialect,
        client.address,
        process,
        join_for_cell(&client.objects, client.more_objects),
        client.subscriptions.to_string(),
        client.calls_in.to_string(),
        client.calls_out.to_string(),
        client.queued_bytes.to_string(),
        client.events_dropped.to_string(),
    ]
}
