//! The whole of Gavel, from the client's request through the WebAssembly edge to the stores.
//!
//! Each test starts a stack of its own. Modules are themes; a test's name says what is promised.

mod affinity;
mod bidding;
mod clients;
mod closing;
mod cluster;
mod contract;
mod delivery;
mod messages;
mod opening;
mod outage;
mod requests;
mod rest;
mod reuse;
mod secrets;
mod terms;
mod tokens;
mod video;
