//! `ipc wait`: until objects are registered.

use std::time::Duration;

use ipc_client::{Client, WaitError};
use tokio::time::Instant;

use crate::{
    args::{Global, Wait},
    connection, names,
    output::Output,
    patience::Patience,
};

/// How often somebody who watches is told what is still missing, when that has changed.
const PROGRESS: Duration = Duration::from_secs(1);

pub(crate) async fn run(wait: Wait, global: &Global, output: &Output) -> anyhow::Result<()> {
    for object in &wait.objects {
        names::check_object(object, wait.literal)?;
    }
    if !wait.literal.literal
        && let Some(note) = names::shell_note_on_objects(&wait.objects)
    {
        output
            .without_blocking(move |output| output.note(&note))
            .await;
    }
    let patience = wait.timeout;
    let timeout = patience.and_then(Patience::duration);
    let deadline = timeout.map(|timeout| Instant::now() + timeout);
    let builder = connection::builder_within(global, "wait", timeout);
    let client = connection::connect(builder, patience, global, output).await?;
    tokio::select! {
        waited = wait_until(&client, &wait.objects, deadline, output) => waited?,
        lost = connection::watch(&client, output) => return Err(lost.into()),
    }
    if output.is_json_wanted() {
        output.value(&wait.objects)?;
    }
    client.close().await?;
    Ok(())
}

async fn wait_until(
    client: &Client,
    objects: &[String],
    deadline: Option<Instant>,
    output: &Output,
) -> Result<(), WaitError> {
    let mut known_missing = Vec::new();
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let slice = output.is_watched().then_some(PROGRESS);
        // Either may be absent, and then does not bound.
        let bound = left.into_iter().chain(slice).min();
        let waiting = client.wait_for_objects(objects.iter().cloned());
        let waited = match bound {
            Some(bound) => waiting.timeout(bound).await,
            None => waiting.await,
        };
        match waited {
            Err(WaitError::Missing(missing)) if bound != left => {
                if missing != known_missing {
                    let note = format!("waiting for {} …", missing.join(", "));
                    output
                        .without_blocking(move |output| output.note(&note))
                        .await;
                    known_missing = missing;
                }
            }
            waited => return waited,
        }
    }
}
