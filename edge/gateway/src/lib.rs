//! The gateway at the edge: every public request passes through it, and nothing else reaches a
//! worker.
//!
//! One pipeline ([`pipeline::handle`]), a file per step: route, limit, authenticate, validate,
//! forward, reply. The steps see the outside only through [`ports`], so they run natively over fakes
//! in the tests; `component` holds the Wasm glue that implements the ports with the runtime.
//!
//! It decides nothing about auctions and keeps nothing about them. It never panics: a trap would end
//! every request that shares the instance. Statics hold configuration, keys and verified tokens,
//! never a request.

pub mod affinity;
pub mod assertion;
pub mod auth;
#[cfg(target_family = "wasm")]
pub mod component;
pub mod config;
pub mod forward;
pub mod health;
pub mod limit;
pub mod limits;
pub mod log;
pub mod pipeline;
pub mod ports;
pub mod refusal;
pub mod reply;
pub mod route;
pub mod trace;
pub mod validate;

#[cfg(test)]
mod testing;
