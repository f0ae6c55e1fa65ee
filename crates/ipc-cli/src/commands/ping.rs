//! `ipc ping`: the way to the server and back.

use std::time::Duration;

use owo_colors::OwoColorize;
use serde::Serialize;

use crate::{
    args::{Global, Ping},
    connection,
    escape::escape,
    output::Output,
};

#[derive(Serialize)]
struct Pong {
    seq: u64,
    ms: f64,
}

pub(crate) async fn run(ping: Ping, global: &Global, output: &Output) -> anyhow::Result<()> {
    let mut server = connection::connect_once(global, "ping", ping.timeout, output).await?;
    let client = server.client.clone();
    let mut times = Times::default();
    for seq in 1..=ping.count {
        if 1 < seq
            && let Some(interval) = ping.interval.duration()
            && !interval.is_zero()
        {
            tokio::time::sleep(interval).await;
        }
        let time = server.within(client.ping()).await?;
        times.add(time);
        let ms = millis(time);
        if output.is_text() {
            output.text(&format!("{} {ms:.3} ms", format!("{seq}:").dimmed()))?;
        } else {
            output.value(&Pong { seq, ms })?;
        }
    }
    if output.is_text() {
        let server = client.server().unwrap_or_else(|| "the server".to_owned());
        output.text(&format!(
            "{} at {}: min {:.3}, mean {:.3}, max {:.3} ms",
            escape(&server),
            client.address(),
            millis(times.min.unwrap_or_default()),
            millis(times.mean()),
            millis(times.max),
        ))?;
    }
    Ok(())
}

fn millis(time: Duration) -> f64 {
    // To the microsecond: what lies below is noise.
    (time.as_secs_f64() * 1e6).round() / 1e3
}

#[derive(Default)]
struct Times {
    n_times: u32,
    sum: Duration,
    min: Option<Duration>,
    max: Duration,
}

impl Times {
    fn add(&mut self, time: Duration) {
        self.n_times = self.n_times.saturating_add(1);
        self.sum = self.sum.saturating_add(time);
        self.min = Some(self.min.map_or(time, |min| min.min(time)));
        self.max = self.max.max(time);
    }

    fn mean(&self) -> Duration {
        self.sum.checked_div(self.n_times).unwrap_or_default()
    }
}
