//! What travels through the queue of the chat: a durable format.

use gavel_core::ids::{MessageId, UserId};
use gavel_core::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::Message;

/// Something to keep. The queue may bring these in any order and more than once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Record {
    /// A message was posted.
    Posted(Message),
    /// A message was deleted. With its time, because that is part of its key, and with its author,
    /// because it may come before the message itself.
    Deleted {
        message_id: MessageId,
        at: Timestamp,
        user_id: UserId,
        deleted_by: UserId,
        deleted_at: Timestamp,
    },
}
