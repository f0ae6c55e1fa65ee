//! `ipc stats`: the server's figures.

use ipc_client::RawJson;

use crate::{
    args::{Global, Timeout},
    connection,
    output::Output,
    table::{Column, Pages},
};

pub(crate) async fn run(timeout: Timeout, global: &Global, output: &Output) -> anyhow::Result<()> {
    let server = connection::connect_once(global, "stats", timeout, output).await?;
    let stats = server.ask("stats", None).await?;
    if !output.is_text() {
        output.json(stats.as_str())?;
        return Ok(());
    }
    Pages::new(&[Column::Name(""), Column::Number("")]).print(rows(&stats)?, output)
}

fn rows(stats: &RawJson) -> anyhow::Result<Vec<Vec<String>>> {
    let stats: serde_json::Map<String, serde_json::Value> = stats.parse()?;
    let row = |(name, value): (String, serde_json::Value)| {
        let value = match value {
            serde_json::Value::String(text) => text,
            value => value.to_string(),
        };
        vec![name, value]
    };
    Ok(stats.into_iter().map(row).collect())
}
