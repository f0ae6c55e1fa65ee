//! `ipc send`: one event, or one for each line, and how many got it.

mod lines;

use serde::Serialize;

use crate::{
    args::{Global, Send},
    connection, names,
    output::Output,
    param,
};

#[derive(Serialize)]
struct Sent {
    /// A server of the seed system does not say it.
    delivered: Option<u64>,
}

pub(crate) async fn run(send: Send, global: &Global, output: &Output) -> anyhow::Result<()> {
    names::check_event(&send.event, send.literal)?;
    if let Some(form) = lines::Form::of(send.lines) {
        return lines::run(&send, form, global, output).await;
    }
    let value = param::read(&send.value, &send.text)?;
    let server = connection::connect_once(global, "send", send.timeout, output).await?;
    let client = &server.client;
    let mut sending = client.emit(&send.event, &value);
    if let Some(left) = server.time_left() {
        sending = sending.timeout(left);
    }
    let n_listeners = match sending.await {
        Ok(n_listeners) => n_listeners,
        Err(error) => {
            let error = connection::explain(client, error.into()).await;
            return Err(error.context(format!("cannot send '{}'", send.event)));
        }
    };
    let delivered = (!client.is_seed()).then_some(n_listeners);
    if output.is_text() {
        output.text(&match delivered {
            Some(0) => "sent; nobody listens".to_owned(),
            Some(1) => "sent to 1 listener".to_owned(),
            Some(n_listeners) => format!("sent to {n_listeners} listeners"),
            None => "sent".to_owned(),
        })?;
    } else {
        output.value(&Sent { delivered })?;
    }
    client.close().await?;
    Ok(())
}
