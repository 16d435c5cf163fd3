//! The checker itself: it passes what `gavel_core` decides, and finds every planted fault.

#![allow(clippy::unwrap_used, reason = "all of this is test code: a panic is a failed test")]

mod agreement;
mod faults;
mod sim;
mod smallest;
