//! The built `gavel-host` with a component that exercises it, over real sockets and signals.
//!
//! Nothing here is simulated; the components come from `infra/local/build-wasm`.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail the test where they stand")]

mod capabilities;
mod per_core;
mod refusals;
mod serving;
mod signing_in;
mod support;
