//! Runs a `spin.toml` on Wasmtime: the HTTP trigger, variables, the key-value store and outbound
//! HTTP, with Spin's semantics.
//!
//! It exists so that Gavel's edge can be run, tested and measured where Spin is not installed. It is
//! not a second Spin: whatever a manifest asks for beyond these is refused at start, with its line.

pub mod app;
pub mod cli;
pub mod gathered;
pub mod guest;
pub mod inbound;
pub mod limits;
pub mod outbound;
pub mod up;
