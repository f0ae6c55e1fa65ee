//! The memory that queues take from, and give back to.

use crate::broadcast::Broadcasts;

/// The memory of the buffers that are kept for the next batches: enough for thousands of sessions
/// that are sent a little at a time. What is beyond goes back to the allocator.
const POOL_BYTES: usize = 4 * 1024 * 1024;

/// The largest buffer that is kept: a queue that holds a few bytes in a buffer for a long time is
/// charged for the bytes.
const BUFFER_BYTES: usize = 128 * 1024;

/// Empty buffers that outboxes take from and give back to, so that an idle session holds none.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
    n_bytes: usize,
}

impl Pool {
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let buffer = self.buffers.pop().unwrap_or_default();
        self.n_bytes -= buffer.capacity();
        buffer
    }

    pub(crate) fn give(&mut self, mut buffer: Vec<u8>) {
        let capacity = buffer.capacity();
        let is_kept = (1..=BUFFER_BYTES).contains(&capacity);
        if is_kept && self.n_bytes + capacity <= POOL_BYTES {
            self.n_bytes += capacity;
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

/// The memory that queues take from.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pub(crate) pool: Pool,
    pub(crate) broadcasts: Broadcasts,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pool_keeps_what_is_worth_it_and_no_more_than_its_limit() {
        let mut pool = Pool::default();
        pool.give(Vec::new());
        pool.give(Vec::with_capacity(BUFFER_BYTES + 1));
        assert!(pool.buffers.is_empty(), "nothing, and too large");
        for _ in 0..=POOL_BYTES / BUFFER_BYTES {
            pool.give(vec![b'x'; BUFFER_BYTES]);
        }
        assert_eq!(pool.n_bytes, POOL_BYTES);
        for _ in 0..POOL_BYTES / BUFFER_BYTES {
            let buffer = pool.take();
            assert_eq!((buffer.len(), buffer.capacity()), (0, BUFFER_BYTES));
        }
        assert_eq!((pool.take().capacity(), pool.n_bytes), (0, 0));
    }
}
