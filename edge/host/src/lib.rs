//! Runs a `spin.toml` on Wasmtime: the HTTP trigger, variables, the key-value store and outbound
//! HTTP, with Spin's semantics.
//!
//! It exists so that Gavel's edge can be run, tested and measured where Spin is not installed. It is
//! not a second Spin: whatever a manifest asks for beyond these is refused at start, with its line.

pub mod allowed_hosts;
pub mod app;
// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
mod bindings;
pub mod cli;
pub mod core;
pub mod dispatch;
pub mod engine;
pub mod fate;
pub mod gathered;
pub mod guest;
pub mod guest_log;
pub mod guest_variables;
pub mod key_value;
pub mod limits;
pub mod manifest;
pub mod names;
pub mod outbound;
pub mod per_core;
pub mod request;
pub mod respond;
pub mod routes;
pub mod serve;
pub mod store;
pub mod thread;
pub mod timed_body;
pub mod up;
pub mod variables;
pub mod worker;
