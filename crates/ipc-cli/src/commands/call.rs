//! `ipc call`: one call, and its response.

use anyhow::Context;

use crate::{
    args::{Call, Global},
    connection,
    json::{self, Layout},
    output::Output,
    param,
};

pub(crate) async fn run(call: Call, global: &Global, output: &Output) -> anyhow::Result<()> {
    let param = param::read(&call.param)?;
    let client = connection::connect_once(global, "call", call.timeout.timeout).await?;
    let response = client
        .object(&call.object)
        .call_raw(&call.method, param)
        .await
        .with_context(|| format!("{}.{}", call.object, call.method))?;
    if output.is_text() {
        output.text(&json::show(response.as_str(), Layout::Pretty))?;
    } else {
        output.json(response.as_str())?;
    }
    client.close().await?;
    Ok(())
}
