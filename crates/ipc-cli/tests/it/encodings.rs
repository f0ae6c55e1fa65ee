//! Files and standard input in another encoding than plain UTF-8 are named, with how to convert them.

use std::{fs::File, process::Command};

use crate::tool::{Bus, Ended, run};

/// A text as an editor may save it.
struct Foreign {
    bytes: Vec<u8>,
    /// What it is called.
    name: &'static str,
    /// What makes plain UTF-8 of it.
    command: &'static str,
}

fn texts() -> Vec<Foreign> {
    fn units<const N: usize>(text: &str, unit: impl Fn(u16) -> [u8; N]) -> Vec<u8> {
        text.encode_utf16().flat_map(unit).collect()
    }
    let marked = "\u{feff}{\"a\":1}\n";
    let texts = [
        (
            marked.as_bytes().to_vec(),
            "begins with a byte order mark",
            "tail -c +4",
        ),
        (
            units(marked, u16::to_le_bytes),
            "is UTF-16",
            "iconv -f UTF-16 -t UTF-8",
        ),
        (
            units(marked, u16::to_be_bytes),
            "is UTF-16",
            "iconv -f UTF-16 -t UTF-8",
        ),
        (
            units("[1]", u16::to_le_bytes),
            "is UTF-16",
            "iconv -f UTF-16LE -t UTF-8",
        ),
        (
            units("[1]", u16::to_be_bytes),
            "is UTF-16",
            "iconv -f UTF-16BE -t UTF-8",
        ),
        (
            units(marked, |unit| u32::from(unit).to_be_bytes()),
            "is UTF-32",
            "iconv -f UTF-32 -t UTF-8",
        ),
    ];
    texts
        .map(|(bytes, name, command)| Foreign {
            bytes,
            name,
            command,
        })
        .into()
}

#[track_caller]
fn assert_named(ended: &Ended, source: &str, text: &Foreign) {
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
    for words in [
        format!("{source} {}", text.name),
        format!("'{}'", text.command),
    ] {
        assert!(ended.stderr.contains(&words), "{words} {ended:?}");
    }
}

#[test]
fn a_file_in_another_encoding_is_named_wherever_it_is_read() {
    let bus = Bus::start();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreign");
    let file = path.to_str().unwrap();
    let word = format!("@{file}");
    for text in texts() {
        std::fs::write(&path, &text.bytes).unwrap();
        for args in [
            &["call", "o", "m", &word][..],
            &["send", "e", &word],
            &["send", "e", "--string-file", file],
            &["serve", "o", "--reply", &word],
            &["serve", "o", "--string-file", file],
            &["serve", "o", "--echo", "--interface", &word],
        ] {
            assert_named(&bus.run(args), file, &text);
        }
        for (args, source) in [
            (&["send", "e", "-"][..], "standard input"),
            (&["send", "e", "--string-file", "-"], "standard input"),
            (&["send", "e", "--lines"], "line 1"),
            (&["send", "e", "--string-lines"], "line 1"),
        ] {
            let mut command = bus.command(args);
            command.stdin(File::open(&path).unwrap());
            assert_named(&run(command), source, &text);
        }
    }
    let ended = bus.run(&["send", "e", "\u{feff}{}"]);
    assert!(ended.stderr.contains("byte order mark"), "{ended:?}");
}

#[test]
fn the_command_that_is_named_makes_json_of_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("foreign");
    for text in texts() {
        std::fs::write(&path, &text.bytes).unwrap();
        let output = Command::new("sh")
            .args(["-c", text.command])
            .stdin(File::open(&path).unwrap())
            .output()
            .unwrap();
        let converted = String::from_utf8(output.stdout).unwrap();
        let json = serde_json::from_str::<serde_json::Value>(&converted);
        assert!(json.is_ok(), "{} {converted:?}", text.command);
    }
}
