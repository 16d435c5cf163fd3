//! The way to Redis, for every capability: one node or a cluster, scripts, and how keys are spread.
//!
//! Names of keys and what stands in them are each capability's own.

mod cluster;
mod connection;
mod error;
mod node;
mod script;
pub(crate) mod shard;

pub(crate) use self::connection::{Connection, Redis, connect};
pub(crate) use self::script::Script;
pub(crate) use self::shard::{Shard, Shards};
