//! Text that is JSON to people and not to a parser is named for what it is.

use ipc_wire::{Code, Message};

use crate::support::fault;

#[test]
fn another_encoding_is_named_at_the_beginning_and_between_messages() {
    let wide = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect::<Vec<_>>()
    };
    let wide_be = |text: &str| {
        text.encode_utf16()
            .flat_map(u16::to_be_bytes)
            .collect::<Vec<_>>()
    };
    let quad = |text: &str| {
        text.chars()
            .flat_map(|c| u32::from(c).to_le_bytes())
            .collect::<Vec<_>>()
    };
    let message = r#"{"reg_object":"a"}"#;
    let marked = format!("\u{feff}{message}");
    for (bytes, name) in [
        (marked.clone().into_bytes(), "byte order mark (EF BB BF)"),
        (wide(message), "UTF-16"),
        (wide(&marked), "UTF-16"),
        (wide_be(message), "UTF-16"),
        (wide_be(&marked), "UTF-16"),
        (wide(&format!("{{\n{message}")), "UTF-16"),
        (quad(message), "UTF-32"),
        (quad(&marked), "UTF-32"),
        (format!("\0{message}").into_bytes(), "NUL byte"),
        (b"\0".to_vec(), "NUL byte"),
    ] {
        for before in ["", "\n \t", "{\"id\":1}", "{\"id\":1}\n"] {
            let stream = [before.as_bytes(), &bytes].concat();
            let mut decoder = ipc_wire::Decoder::new(ipc_wire::DecodeLimits::default());
            let mut rest = &*stream;
            let found = loop {
                match decoder.decode(&mut rest) {
                    Ok(Some(Message::Unknown { .. })) => {}
                    Ok(other) => panic!("{other:?}"),
                    Err(fault) => break fault,
                }
            };
            assert_eq!(found.code(), Code::Malformed);
            assert!(found.to_string().contains(name), "{stream:?}: {found}");
            assert!(
                found.to_string().contains("UTF-8"),
                "it says what to do: {found}"
            );
            assert_eq!(decoder.finish(), Err(found));
        }
    }
}

#[test]
fn words_that_json_lacks_are_named() {
    for word in ["NaN", "Infinity", "-Infinity", "None", "Inf"] {
        let found = fault(format!(r#"{{"response":{word}}}"#).as_bytes()).to_string();
        assert!(
            found.contains("no NaN, Infinity or None"),
            "{word}: {found}"
        );
        let found = fault(format!(r#"{{"response":[1,{word}]}}"#).as_bytes()).to_string();
        assert!(
            found.contains("no NaN, Infinity or None"),
            "{word}: {found}"
        );
    }
}
