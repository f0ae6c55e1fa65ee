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
    let client = connection::connect_once(global, "call", call.timeout.timeout).await?;
    let called = client.object(&call.object).call_raw(&call.method, param);
    let response = match called.await {
        Ok(response) => response,
        Err(error) => {
            let error = connection::explain(&client, error.into()).await;
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
