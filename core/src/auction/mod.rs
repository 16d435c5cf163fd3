//! An auction: its terms, its state, and how a command becomes events.
//!
//! [`decide`] is the only place where a rule is applied; [`apply`] is the only place where state
//! changes. Both are pure, so replaying the events of an auction gives its live state again.

mod apply;
mod command;
mod decide;
mod event;
mod refusal;
mod state;
mod terms;

pub use apply::{apply, replay};
pub use command::{CloseCause, Command, OpenCause, PlaceBid};
pub use decide::decide;
pub use event::{AcceptedBid, BidStatus, Event, EventKind, Outcome};
pub use refusal::Refusal;
pub use state::{Auction, Lead, Phase, TopBid};
pub use terms::{Band, Increments, SoftClose, Terms};

#[cfg(test)]
mod tests;
