//! The chat of an auction's room: the request, and what is shown.

use serde::{Deserialize, Serialize};

use super::fields::Fields;
use super::invalid::InvalidBody;
use crate::ids::{AuctionId, MessageId};
use crate::limits::CHAT_TEXT_CHARS_MAX;
use crate::time::Timestamp;

/// `{"text": "…"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatRequest {
    /// One line.
    pub text: String,
}

impl ChatRequest {
    /// Reads and validates a body.
    pub fn parse(body: &[u8]) -> Result<Self, InvalidBody> {
        let mut fields = Fields::read(body)?;
        let text = fields.required("text", |fields, name| fields.line(name, CHAT_TEXT_CHARS_MAX));
        fields.finish(text.map(|text| Self { text }))
    }
}

/// What somebody was in an auction's room when they wrote. No name says so: names are free.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChatRole {
    /// The seller of this very auction.
    Seller,
    /// An administrator of this service.
    Admin,
    /// Anybody else, bidders among them.
    Viewer,
}

impl ChatRole {
    /// Every role.
    pub const ALL: [Self; 3] = [Self::Seller, Self::Admin, Self::Viewer];

    /// Its name on the wire and in what is kept.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seller => "seller",
            Self::Admin => "admin",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// A message, as anybody may see it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatMessage {
    /// The message.
    pub message_id: MessageId,
    /// Where.
    pub auction_id: AuctionId,
    /// The display name of who wrote it, as it is now; null for somebody who is not there any more.
    pub author: Option<String>,
    /// What they were when they wrote it. Only this says who sells, never a name.
    pub role: ChatRole,
    /// What they wrote.
    pub text: String,
    /// When. No two messages of an auction have the same time.
    pub at: Timestamp,
}

/// The answer to a deletion.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatDeleted {
    /// The message that nobody is shown any more.
    pub message_id: MessageId,
    /// Where.
    pub auction_id: AuctionId,
}

/// Whether the author of a message may write in its auction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ChatMute {
    /// The message.
    pub message_id: MessageId,
    /// Where.
    pub auction_id: AuctionId,
    /// Whether its author is muted there.
    pub muted: bool,
}
