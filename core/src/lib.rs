//! The rules of an auction, decided in one place, and the types both tiers speak.
//!
//! Pure on purpose: no I/O, no clock, no randomness, no async, no environment. Time is an argument,
//! so the same inputs give the same decision natively, in WebAssembly and in a replay.
//!
//! - [`auction`]: state, commands, events, [`auction::decide`] and [`auction::apply`].
//! - [`ids`], [`money`], [`time`]: the newtypes everything is made of.
//! - [`wire`]: requests, replies and problems as they travel, and how they are validated.
//! - [`limits`]: every bound, named.

pub mod auction;
pub mod ids;
pub mod limits;
pub mod money;
pub mod time;
pub mod wire;
