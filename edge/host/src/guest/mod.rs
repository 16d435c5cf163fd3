//! Instances of components: what one is given ([`state`]), how it is made and how long it lives
//! ([`worker`], [`per_core`]), and which of them answers a request ([`core`], [`dispatch`]).

// Generated code: its items are documented in `wit/`.
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, reason = "generated code")]
mod bindings;
pub mod core;
pub mod dispatch;
pub mod engine;
pub mod fate;
pub mod key_value;
pub mod log;
pub mod open_store;
pub mod per_core;
pub mod state;
pub mod store;
pub mod variables;
pub mod worker;
