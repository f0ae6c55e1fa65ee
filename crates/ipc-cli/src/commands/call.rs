//! `ipc call`: one call, and its response.

use crate::{
    args::{Call, Global},
    connection,
    json::{self, Layout},
    names,
    output::Output,
    param,
};

pub(crate) async fn run(call: Call, global: &Global, output: &Output) -> anyhow::Result<()> {
    names::check_object(&call.object, call.literal)?;
    let param = param::read(&call.param, &call.text)?;
    let server = connection::connect_once(global, "call", call.timeout, output).await?;
    let client = &server.client;
    let mut calling = client.object(&call.object).call_raw(&call.method, param);
    if let Some(left) = server.time_left() {
        calling = calling.timeout(left);
    }
    let response = match calling.await {
        Ok(response) => response,
        Err(error) => {
            let error = connection::explain(client, error.into()).await;
            return Err(error.context(format!("{}.{}", call.object, call.method)));
        }
    };
    if output.is_text() {
        output.text(&json::show(response.as_str(), Layout::Pretty))?;
    } else {
        output.json(response.as_str())?;
    }
    client.close().await?;
    Ok(())
}
