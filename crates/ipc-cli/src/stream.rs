//! The standard streams as they were inherited, blocking or not.
//!
//! Whether a stream blocks is a property of the open file, which other processes share: Node makes
//! its pipes non-blocking, and anybody who holds one may do so in the middle of a line. The others
//! rely on how it is, so it is never changed here. Where it takes or gives nothing for now, `poll`
//! waits until it does.
//!
//! The locks of the standard library keep lines whole; its buffers are not used, for after a write
//! that would block nobody knows what they still hold.

use std::io;

/// Writes all bytes to standard output. When this returns, none of them is still in a buffer.
pub(crate) fn write_stdout(bytes: &[u8]) -> io::Result<()> {
    imp::write_all(&mut io::stdout().lock(), bytes)
}

/// Writes all bytes to standard error.
pub(crate) fn write_stderr(bytes: &[u8]) -> io::Result<()> {
    imp::write_all(&mut io::stderr().lock(), bytes)
}

/// Standard input, which may have nothing yet without being at its end.
#[derive(Debug)]
pub(crate) struct Stdin;

impl io::Read for Stdin {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        imp::read(&mut io::stdin().lock(), buffer)
    }
}

#[cfg(unix)]
mod imp {
    use std::{io, os::fd::AsFd};

    use rustix::{
        event::{PollFd, PollFlags, poll},
        io::{Errno, read as read_some, write as write_some},
    };

    pub(super) fn write_all(stream: &mut impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match write_some(&*stream, bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n_bytes) => bytes = &bytes[n_bytes..],
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_until(stream, PollFlags::OUT)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    pub(super) fn read(stream: &mut impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match read_some(&*stream, &mut *buffer) {
                Ok(n_bytes) => return Ok(n_bytes),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => wait_until(stream, PollFlags::IN)?,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Waits until the stream is ready. Its end counts, too: then the next attempt tells.
    fn wait_until(stream: &impl AsFd, ready: PollFlags) -> io::Result<()> {
        match poll(&mut [PollFd::new(stream, ready)], None) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

#[cfg(not(unix))]
mod imp {
    use std::io::{self, Read, Write};

    pub(super) fn write_all(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        stream.write_all(bytes)?;
        stream.flush()
    }

    pub(super) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
        stream.read(buffer)
    }
}
