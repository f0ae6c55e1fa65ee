use std::sync::mpsc::{Receiver, Sender, channel};

use super::*;

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// A stream that does to each write what the test says, and tells what it has taken.
struct Told {
    orders: Receiver<Order>,
    taken: Sender<Vec<u8>>,
}

enum Order {
    Take(usize),
    Fail,
}

impl Write for Told {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.orders.recv() {
            Ok(Order::Fail) => Err(io::ErrorKind::StorageFull.into()),
            Ok(Order::Take(n_bytes)) => {
                let n_bytes = n_bytes.min(bytes.len());
                self.taken.send(bytes[..n_bytes].to_vec()).unwrap();
                Ok(n_bytes)
            }
            Err(_) => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start() -> (Output, Sender<Order>, Receiver<Vec<u8>>) {
    let ((orders, told), (taken, took)) = (channel(), channel());
    let stream = Told {
        orders: told,
        taken,
    };
    (Output::start("a stream", stream).unwrap(), orders, took)
}

/// Closes the output and lets the stream take everything; what it takes.
fn rest(output: &Output, orders: &Sender<Order>, took: &Receiver<Vec<u8>>) -> String {
    output.close();
    let mut rest = Vec::new();
    while orders.send(Order::Take(usize::MAX)).is_ok() && !output.shared.lock().is_done {
        while let Ok(bytes) = took.recv_timeout(Duration::from_millis(1)) {
            rest.extend(bytes);
        }
    }
    rest.extend(took.iter().flatten());
    String::from_utf8(rest).unwrap()
}

#[test]
fn lines_that_find_the_queue_full_are_counted_and_told_where_they_are_missing() {
    let (output, orders, took) = start();
    output.push(b"first\n");
    orders.send(Order::Take(1)).unwrap();
    assert_eq!(took.recv_timeout(PATIENCE).unwrap(), b"f");
    // The stream is held up now, and this is all that fits.
    let long = [&[b'x'; QUEUE_BYTES - 1][..], b"\n"].concat();
    output.push(&long);
    for _ in 0..297 {
        output.push(b"lost\n");
    }
    orders.send(Order::Take(usize::MAX)).unwrap();
    assert_eq!(took.recv_timeout(PATIENCE).unwrap(), b"irst\n");
    // The long line has been taken out of the queue when it is being written.
    orders.send(Order::Take(1)).unwrap();
    assert_eq!(took.recv_timeout(PATIENCE).unwrap(), b"x");
    output.push(b"after\n");

    let rest = rest(&output, &orders, &took);
    let mut lines = rest.lines();
    assert_eq!(lines.next().map(str::len), Some(QUEUE_BYTES - 2));
    let loss = lines.next().unwrap();
    assert!(loss.contains("  WARN ipc_server: 297 log lines lost"));
    assert_eq!(lines.collect::<Vec<_>>(), ["after"]);
}

#[test]
fn a_line_too_long_for_the_queue_holds_up_no_other() {
    let (output, orders, took) = start();
    output.push(&[b'x'; QUEUE_BYTES + 1]);
    orders.send(Order::Take(usize::MAX)).unwrap();
    let loss = String::from_utf8(took.recv_timeout(PATIENCE).unwrap()).unwrap();
    assert!(loss.contains(" 1 log lines lost"), "{loss}");
    output.push(b"after\n");
    assert_eq!(rest(&output, &orders, &took), "after\n");
}

#[test]
fn after_an_error_writing_goes_on_where_it_was() {
    let (output, orders, took) = start();
    output.push(b"a line\n");
    for order in [Order::Take(2), Order::Fail, Order::Fail, Order::Take(3)] {
        orders.send(order).unwrap();
    }
    assert_eq!(took.recv_timeout(PATIENCE).unwrap(), b"a ");
    assert_eq!(took.recv_timeout(PATIENCE).unwrap(), b"lin");
    output.push(b"another\n");
    assert_eq!(rest(&output, &orders, &took), "e\nanother\n");
}

#[test]
fn a_stream_that_takes_nothing_does_not_delay_the_end() {
    let (output, orders, _took) = start();
    output.push(b"a line\n");
    orders.send(Order::Fail).unwrap();
    output.close();
    output.wait_until_written(Instant::now() + PATIENCE);
    assert!(output.shared.lock().is_done);
}

#[test]
fn whole_lines_are_written_at_a_time() {
    let short = b"a line\n".repeat(1000);
    let piece = first_piece(&short);
    assert!(piece.len() <= PIECE_BYTES && PIECE_BYTES < piece.len() + 7);
    assert!(piece.ends_with(b"e\n"));
    let long = [&[b'x'; PIECE_BYTES][..], b"\nnext\n"].concat();
    assert_eq!(first_piece(&long).len(), PIECE_BYTES + 1);
    assert_eq!(first_piece(b"no break"), b"no break");
}
