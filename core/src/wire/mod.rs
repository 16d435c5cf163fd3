//! What travels between the client, the edge and the workers, and how it is validated.
//!
//! Both tiers use these types, so neither can disagree with the other about a shape or a limit.

mod assertion;
mod auction;
mod bid;
mod body;
mod characters;
mod chat;
mod edit;
mod fields;
mod invalid;
mod me;
mod number;
mod opening;
mod problem;
pub mod query;
pub mod routes;
#[cfg(feature = "schema")]
pub mod schema;
mod video;
mod views;

pub use assertion::{
    ADMINISTRATORS, ASSERTION_HEADER, ASSERTION_ISSUER, ASSERTION_LIFE_S, Assertion, GROUPS,
    SELLERS, body_digest, settled_at,
};
pub use auction::{AuctionView, CreateAuction, ShownStatus, Status};
pub use bid::{BidReceipt, BidRequest, Level};
pub use body::read_object;
pub use chat::{ChatDeleted, ChatMessage, ChatMute, ChatRequest, ChatRole};
pub use edit::EditAuction;
pub use fields::Fields;
pub use invalid::{FieldError, InvalidBody};
pub use me::{Channel, DeletedMe, DisplayName, EditMe, MeView, NotificationsView};
pub use problem::{BID_ID_HEADER, Code, PROBLEM_CONTENT_TYPE, Problem};
pub use video::{IngestView, PlaybackView, RevocationView, RevokeViewer};
pub use views::{BidItem, FollowView, OwnBidItem, Page, StateView, TopBidView};

#[cfg(test)]
mod tests;
