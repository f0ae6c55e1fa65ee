//! Talking with a command until it ends.
//!
//! A command has ended when its process has. Its pipes may be open for longer, for what it left
//! running in the background has inherited them: nobody waits for that.

use std::{io, process::ExitStatus};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    process::ChildStdin,
    sync::watch,
};

/// The end of a command, which any number can wait for.
#[derive(Clone)]
pub(super) struct Exited(pub(super) watch::Receiver<Option<ExitStatus>>);

impl Exited {
    /// Waits until the command has ended.
    ///
    /// # Cancel safety
    ///
    /// It may be dropped and called again.
    pub(super) async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.0.wait_for(Option::is_some).await.map(|status| *status);
        status
            .ok()
            .flatten()
            .ok_or_else(|| io::Error::other("its exit status is not known"))
    }
}

/// What a command prints, up to what it had printed when it ended.
pub(super) struct Printed<R> {
    pipe: R,
    exit: Exited,
    /// Once the command has ended: how much is still to be read.
    n_left: Option<usize>,
}

impl<R: AsyncRead + Available + Unpin> Printed<R> {
    pub(super) const fn new(pipe: R, exit: Exited) -> Self {
        Self {
            pipe,
            exit,
            n_left: None,
        }
    }

    /// Reads the next bytes; 0 is the end.
    pub(super) async fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.n_left.is_none() {
            tokio::select! {
                // First the end, which something that goes on printing must not keep back.
                biased;
                status = self.exit.wait() => { status?; }
                read = self.pipe.read(buffer) => return read,
            }
        }
        let n_left = match self.n_left {
            Some(n_left) => n_left,
            None => self.pipe.available()?,
        };
        self.n_left = Some(n_left);
        if n_left == 0 {
            return Ok(0);
        }
        // Without waiting, for so much is there.
        let n_wanted = n_left.min(buffer.len());
        let n_bytes = self.pipe.read(&mut buffer[..n_wanted]).await?;
        self.n_left = Some(n_left - n_bytes);
        Ok(n_bytes)
    }
}

/// A pipe that knows how much can be read at once.
pub(super) trait Available {
    /// The number of bytes in the pipe.
    fn available(&self) -> io::Result<usize>;
}

#[cfg(unix)]
impl<R: std::os::fd::AsFd> Available for R {
    fn available(&self) -> io::Result<usize> {
        let n_bytes = rustix::io::ioctl_fionread(self)?;
        Ok(usize::try_from(n_bytes).unwrap_or(usize::MAX))
    }
}

#[cfg(not(unix))]
impl<R> Available for R {
    /// Nobody says it: all is read that comes until the pipe is closed.
    fn available(&self) -> io::Result<usize> {
        Ok(usize::MAX)
    }
}

/// Writes all to a command, which need not read it.
pub(super) async fn write(mut stdin: ChildStdin, bytes: &[u8], mut exit: Exited) -> io::Result<()> {
    let written = tokio::select! {
        written = stdin.write_all(bytes) => written,
        status = exit.wait() => status.map(drop),
    };
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written,
    }
}
