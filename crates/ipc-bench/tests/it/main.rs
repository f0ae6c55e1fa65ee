//! The benchmark itself: a tiny run, and the report of a run.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod report;
mod running;
