//! `ipc describe`: one object and what its provider says about it.

use std::collections::BTreeMap;

use anyhow::Context;
use ipc_client::{CallError, ObjectDescription, RawJson};
use owo_colors::OwoColorize;
use serde::Deserialize;

use super::list::peer_names;
use crate::{
    args::{Describe, Global},
    connection,
    escape::escape,
    json::{self, Layout},
    names,
    output::Output,
    table::join,
};

/// An interface as most have it; another one is shown as JSON.
#[derive(Deserialize)]
struct Interface {
    doc: Option<String>,
    #[serde(default)]
    methods: BTreeMap<String, Member>,
    #[serde(default)]
    events: BTreeMap<String, Member>,
}

#[derive(Deserialize)]
struct Member {
    doc: Option<String>,
    param: Option<RawJson>,
    response: Option<RawJson>,
    result: Option<RawJson>,
}

pub(crate) async fn run(
    describe: Describe,
    global: &Global,
    output: &Output,
) -> anyhow::Result<()> {
    let object = describe.object;
    names::check_object(&object, describe.literal)?;
    let server = connection::connect_once(global, "describe", describe.timeout, output).await?;
    let param = RawJson::new(&serde_json::json!({ "object": object }))?;
    let described = server.ask("describe", Some(param)).await;
    let described = described.map_err(|error| match error.downcast_ref() {
        // Not the server, which was asked, but the object that it was asked about.
        Some(CallError::ObjectNotFound { .. }) => CallError::ObjectNotFound { object }.into(),
        _ => error,
    })?;
    if output.is_text() {
        let description = described
            .parse()
            .context("the description makes no sense")?;
        output.text(&show(&description))?;
    } else {
        output.json(described.as_str())?;
    }
    Ok(())
}

fn show(description: &ObjectDescription) -> String {
    let mut text = format!(
        "{}  {}, provided by {}",
        escape(&description.object).bold(),
        escape(&description.mode),
        escape(&join(
            &peer_names(&description.providers),
            description.more_providers
        )),
    );
    if !description.standby.is_empty() {
        text.push_str(", standing by: ");
        let standby = join(&peer_names(&description.standby), description.more_standby);
        text.push_str(&escape(&standby));
    }
    text.push('\n');
    let Some(interface) = &description.interface else {
        text.push_str(&"its provider does not describe it".dimmed().to_string());
        return text;
    };
    let Ok(Interface {
        doc,
        methods,
        events,
    }) = interface.parse()
    else {
        text.push('\n');
        text.push_str(&json::show(interface.as_str(), Layout::Pretty));
        return text;
    };
    if let Some(doc) = doc {
        push_doc(&mut text, &doc, "");
    }
    push_members(&mut text, "METHODS", &methods);
    push_members(&mut text, "EVENTS", &events);
    text
}

fn push_members(text: &mut String, title: &str, members: &BTreeMap<String, Member>) {
    if members.is_empty() {
        return;
    }
    text.push_str(&format!("\n{}\n", title.dimmed()));
    for (name, member) in members {
        text.push_str(&format!("  {}\n", escape(name).bold()));
        if let Some(doc) = &member.doc {
            push_doc(text, doc, "      ");
        }
        for (title, schema) in [
            ("param", &member.param),
            ("response", &member.response),
            ("result", &member.result),
        ] {
            if let Some(schema) = schema {
                let schema = json::show(schema.as_str(), Layout::Line);
                text.push_str(&format!(
                    "      {} {schema}\n",
                    format!("{title:8}").dimmed()
                ));
            }
        }
    }
}

fn push_doc(text: &mut String, doc: &str, indent: &str) {
    for line in doc.lines() {
        text.push_str(&format!("{indent}{}\n", escape(line)));
    }
}
