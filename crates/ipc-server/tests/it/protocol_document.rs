//! The exchanges in `docs/protocol.md` happen as they are written.

use std::collections::HashMap;

use super::harness::{Peer, ServerProcess};

const DOCUMENT: &str = include_str!("../../../../docs/protocol.md");

#[test]
fn every_exchange_in_the_protocol_document_happens_as_written() {
    let exchanges: Vec<_> = DOCUMENT
        .split("\n```exchange\n")
        .skip(1)
        .map(|block| block.split("\n```").next().unwrap())
        .collect();
    assert!(10 <= exchanges.len(), "the document has its examples");
    for exchange in exchanges {
        Scene::default().play(&ServerProcess::start(), exchange);
    }
}

/// One exchange on its way.
#[derive(Default)]
struct Scene {
    peers: HashMap<String, Peer>,
    /// What the words in capitals stand for.
    numbers: HashMap<String, String>,
}

impl Scene {
    fn play(mut self, server: &ServerProcess, exchange: &str) {
        for line in exchange.lines() {
            let (name, rest) = line.split_once(' ').unwrap();
            if name == "hello" {
                self.peers.insert(rest.to_owned(), server.hello(rest));
                continue;
            }
            let rest = rest.trim_start();
            let (arrow, message) = rest.split_once(' ').unwrap_or((rest, ""));
            let message = message.replace('⏎', "\n").replace("⟨BOM⟩", "\u{feff}");
            let peer = self
                .peers
                .entry(name.to_owned())
                .or_insert_with(|| server.connect());
            match arrow {
                "→" => {
                    let message = fill_in(&message, &self.numbers);
                    peer.send(&message);
                    if message.contains("event_name") && !message.contains("\"id\"") {
                        // It has no answer of its own; this one comes after it took effect.
                        assert!(peer.ask(r#"{"list":[]}"#)["list"].is_array());
                    }
                }
                "←" => {
                    let received = peer.next_text().unwrap_or_else(|| panic!("no {message}"));
                    self.learn(&received, &message);
                    let expected = fill_in(&message, &self.numbers);
                    assert_eq!(received, expected, "in the exchange:\n{exchange}");
                }
                // A client leaves, or is left.
                "✕" if name == "browser" => assert_eq!(peer.next(), None),
                "✕" => drop(self.peers.remove(name)),
                _ => panic!("neither sent nor received: {line}"),
            }
        }
    }

    /// Finds out what the words in capitals of a message stand for.
    fn learn(&mut self, received: &str, expected: &str) {
        let mut rest = received;
        let mut is_first = true;
        for (before, word) in words(expected) {
            let Some(start) = rest.find(before).filter(|&start| !is_first || start == 0) else {
                return;
            };
            is_first = false;
            rest = &rest[start + before.len()..];
            let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let number = rest[..n_digits].to_owned();
            rest = &rest[n_digits..];
            self.numbers.entry(word.to_owned()).or_insert(number);
        }
    }
}

/// The words of capitals that stand for numbers, each with the text before it.
fn words(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    let mut start = 0;
    for word in ["CALL", "CLIENT"] {
        if let Some(at) = text.find(word) {
            found.push((at, word));
        }
    }
    found.sort_unstable();
    found
        .into_iter()
        .map(|(at, word)| {
            let before = &text[start..at];
            start = at + word.len();
            (before, word)
        })
        .collect()
}

fn fill_in(text: &str, numbers: &HashMap<String, String>) -> String {
    numbers
        .iter()
        .fold(text.to_owned(), |text, (word, number)| {
            text.replace(word, number)
        })
}
