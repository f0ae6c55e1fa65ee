//! Lines of an input that may never end.

use std::{
    io::{self, Read},
    mem,
};

use crate::{exit::Usage, param::MAX_BYTES};

/// How much is read at once.
const CHUNK_BYTES: usize = 64 * 1024;

/// The lines that were there when it was read.
pub(super) type Batch = Vec<Line>;

/// A line with its end, unless the input ends before it.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Line {
    /// From 1.
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
}

/// Splits what it reads into lines, without waiting for more than one of them.
pub(super) struct Reader<R> {
    input: R,
    chunk: Vec<u8>,
    /// The beginning of a line.
    partial: Vec<u8>,
    n_lines: u64,
    has_ended: bool,
}

impl<R: Read> Reader<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            chunk: vec![0; CHUNK_BYTES],
            partial: Vec::new(),
            n_lines: 0,
            has_ended: false,
        }
    }

    /// Reads at least one line, and those that come with it; none at the end. An error ends it.
    pub(super) fn read_batch(&mut self) -> Option<Result<Batch, Usage>> {
        while !self.has_ended {
            match self.read_chunk() {
                Ok(batch) if batch.is_empty() => {}
                Ok(batch) => return Some(Ok(batch)),
                Err(error) => {
                    self.has_ended = true;
                    return Some(Err(error));
                }
            }
        }
        None
    }

    fn read_chunk(&mut self) -> Result<Batch, Usage> {
        let n_bytes = loop {
            match self.input.read(&mut self.chunk) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => {
                    break read
                        .map_err(|error| Usage(format!("cannot read standard input: {error}")))?;
                }
            }
        };
        let mut batch = Batch::new();
        if n_bytes == 0 {
            self.has_ended = true;
            if !self.partial.is_empty() {
                batch.push(self.take_line());
            }
        }
        let chunk = mem::take(&mut self.chunk);
        for piece in chunk[..n_bytes].split_inclusive(|&byte| byte == b'\n') {
            self.partial.extend_from_slice(piece);
            if piece.ends_with(b"\n") {
                batch.push(self.take_line());
            }
        }
        self.chunk = chunk;
        // A chunk is shorter, so there is no other line in it.
        if MAX_BYTES < self.partial.len() {
            let number = self.n_lines + 1;
            return Err(Usage(format!("line {number} exceeds 16 MiB")));
        }
        Ok(batch)
    }

    fn take_line(&mut self) -> Line {
        self.n_lines += 1;
        Line {
            number: self.n_lines,
            bytes: mem::take(&mut self.partial),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    /// Gives a piece for each read.
    struct Pieces(VecDeque<Vec<u8>>);

    impl Pieces {
        fn new(pieces: &[&str]) -> Reader<Self> {
            let pieces = pieces.iter().map(|piece| piece.as_bytes().to_vec());
            Reader::new(Self(pieces.collect()))
        }
    }

    impl Read for Pieces {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let Some(piece) = self.0.pop_front() else {
                return Ok(0);
            };
            buffer[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    fn line(number: u64, text: &str) -> Line {
        Line {
            number,
            bytes: text.as_bytes().to_vec(),
        }
    }

    #[test]
    fn lines_are_whole_wherever_the_input_is_cut() {
        let mut reader = Pieces::new(&["a\nb", "b\n\n", "c\r", "\nd"]);
        assert_eq!(reader.read_batch(), Some(Ok(vec![line(1, "a\n")])));
        let batch = vec![line(2, "bb\n"), line(3, "\n")];
        assert_eq!(reader.read_batch(), Some(Ok(batch)));
        assert_eq!(reader.read_batch(), Some(Ok(vec![line(4, "c\r\n")])));
        assert_eq!(reader.read_batch(), Some(Ok(vec![line(5, "d")])));
        assert_eq!(reader.read_batch(), None);
        assert_eq!(reader.read_batch(), None);
    }

    #[test]
    fn a_line_without_end_is_not_kept() {
        let mut reader = Reader::new(io::repeat(b'x'));
        let Usage(message) = reader.read_batch().unwrap().unwrap_err();
        assert_eq!(message, "line 1 exceeds 16 MiB");
        assert!(reader.partial.len() <= MAX_BYTES + CHUNK_BYTES);
        assert_eq!(reader.read_batch(), None);
    }
}
