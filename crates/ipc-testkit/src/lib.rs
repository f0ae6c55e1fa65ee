//! ipc-testkit
