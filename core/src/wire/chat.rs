//! The chat of an auction's room: the request, and what is shown.

use serde::{Deserialize, Serialize};

use super::body::InvalidBody;
use super::fields::Fields;
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
