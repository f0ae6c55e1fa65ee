//! `ipc clients`: the server's connections.

use ipc_client::{ClientInfo, RawJson};

use crate::{
    args::Global,
    connection,
    output::Output,
    patience::Patience,
    table::{self, Column},
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

pub(crate) async fn run(
    patience: Patience,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let client = connection::connect_once(global, "clients", patience).await?;
    let clients = connection::ask(&client, "clients", None).await?;
    if !output.is_text() {
        for client in clients.parse::<Vec<RawJson>>()? {
            output.json(client.as_str())?;
        }
        return Ok(());
    }
    let rows = clients.parse::<Vec<ClientInfo>>()?.into_iter().map(row);
    output.text(&table::render(COLUMNS, rows, output))?;
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
        client.objects.join(", "),
        client.subscriptions.to_string(),
        client.calls_in.to_string(),
        client.calls_out.to_string(),
        client.queued_bytes.to_string(),
        client.events_dropped.to_string(),
    ]
}
