//! What the end-to-end tests share: a stack with people in it, a client of the edge, a proxy that
//! breaks things on purpose, forged tokens, the evidence read back from the stores, and a checker that
//! judges it.
//!
//! Nothing here calls the code under test: it only speaks HTTP, SQL and the AWS APIs.

pub mod calls;
pub mod checker;
pub mod client;
pub mod evidence;
pub mod issuer;
pub mod proxy;
pub mod spread;
pub mod stacks;
pub mod wait;
pub mod world;

pub use client::{Client, Reply};
pub use issuer::Issuer;
pub use proxy::{Fault, Proxy, Seen};
pub use spread::Spread;
pub use wait::{WITHIN, eventually, seen};
pub use world::{Bidder, World};
