//! The regional worker tier, a folder per capability. The folder listing is the architecture.
//!
//! Each capability exposes a small API in its `mod.rs`. It is given its clients when it is made, by
//! `roles`; what it answers with is its own types, never an SDK's (aws, redis, sqlx).

pub mod api;
mod budget;
pub mod catalog;
mod chat;
pub mod config;
pub(crate) mod cursor;
pub mod history;
pub mod ledger;
mod lifecycle;
pub mod limits;
pub mod notify;
pub(crate) mod queue;
mod redis;
pub mod relay;
pub mod roles;
pub mod shutdown;
pub mod telemetry;
pub mod timer;
pub mod users;
pub mod video;
