//! The chat of an auction's room: what people write to each other, for a while.
//!
//! A message is kept first (its queue has it), then shown (Redis has it), then answered. What is shown
//! first comes from Redis, what is older from DynamoDB, where `Keeper` carries it from the queue.
//! Deleting is the same: kept first, then nobody is shown it any more, then answered. Who is muted
//! stands in PostgreSQL, where no loss of Redis unmutes anybody. Nothing here knows names: those
//! are looked up when messages are shown, so that a name that changes or goes, changes and goes
//! everywhere.

mod archive;
mod keeper;
mod keys;
mod mutes;
mod queue;
mod record;
mod room;

use gavel_core::ids::{AuctionId, IdempotencyKey, MessageId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::{ChatRole, Page};
use serde::{Deserialize, Serialize};

pub(crate) use self::archive::Archive;
pub(crate) use self::keeper::keeper;
pub(crate) use self::mutes::Mutes;
pub(crate) use self::queue::Outgoing;
use self::record::Record;
use self::room::{Claim, Room};
use crate::cursor;
use crate::redis::Redis;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Message {
    pub(crate) message_id: MessageId,
    pub(crate) auction_id: AuctionId,
    pub(crate) user_id: UserId,
    /// What its author was when they wrote it: the name of a [`ChatRole`], or one that only a later
    /// release knows and this one keeps. Messages of releases before there were roles have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) role: Option<String>,
    pub(crate) text: String,
    /// Rises strictly within an auction.
    pub(crate) at: Timestamp,
}

/// A request to write.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) auction: &'a AuctionId,
    pub(crate) author: &'a UserId,
    /// What names it, among the author's in this auction.
    pub(crate) key: &'a IdempotencyKey,
    /// What the author is in this auction.
    pub(crate) role: ChatRole,
    pub(crate) text: &'a str,
}

impl Asked<'_> {
    /// The message, when it was given its time.
    fn message(&self, at: Timestamp) -> Message {
        Message {
            message_id: MessageId::derive(self.auction, self.author, self.key, at),
            auction_id: self.auction.clone(),
            user_id: self.author.clone(),
            role: Some(self.role.as_str().to_owned()),
            text: self.text.to_owned(),
            at,
        }
    }
}

/// Why a chat did not do as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChatError {
    /// Too many messages of one person. The caller's to mend, by waiting.
    #[error("too many messages")]
    Limited {
        /// For how long, in seconds.
        retry_after_s: u64,
    },
    /// The key named another message before. The caller's to mend.
    #[error("the idempotency key was used for another message")]
    Conflict,
    /// Not a cursor of this list. The caller's to mend.
    #[error("not a cursor of this list")]
    InvalidCursor,
    /// A dependency is in trouble. The text is for the log only. Asking again is safe.
    #[error("the chat is unavailable")]
    Unavailable(String),
    /// What is stored is not what was written. Ours to mend.
    #[error("{0} of the chat is not valid")]
    Broken(&'static str),
}

/// Where a page ended: no two messages of an auction have the same time.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    at: Timestamp,
}

/// The chats of this region's auctions. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chat {
    /// Who may not write.
    pub(crate) mutes: Mutes,
    room: Room,
    archive: Archive,
    outgoing: Outgoing,
}

impl Chat {
    /// Chats on `redis` that are kept by way of `outgoing` in `archive`. `interval_ms` is the least
    /// time between messages of one person in one auction, in the long run.
    pub(crate) fn new(
        redis: &Redis,
        archive: Archive,
        outgoing: Outgoing,
        mutes: Mutes,
        interval_ms: u32,
    ) -> Self {
        Self { mutes, room: Room::new(redis, interval_ms), archive, outgoing }
    }

    /// The message, when the same request has posted it before. Whoever may not write any more still
    /// learns what came of what they wrote.
    pub(crate) async fn posted(&self, asked: &Asked<'_>) -> Result<Option<Message>, ChatError> {
        match self.room.claimed(asked).await? {
            Some(Claim::Shown(at)) => Ok(Some(self.as_shown(asked.message(at)).await?)),
            Some(Claim::Conflict) => Err(ChatError::Conflict),
            _ => Ok(None),
        }
    }

    /// Posts a message; gives it, and whether the same request had posted it before. After
    /// [`ChatError::Unavailable`] it may still appear: asking the same again tells.
    pub(crate) async fn post(&self, asked: &Asked<'_>) -> Result<(Message, bool), ChatError> {
        let (at, repeated) = match self.room.claim(asked).await? {
            Claim::New(at) | Claim::Begun(at) => (at, false),
            Claim::Shown(at) => (at, true),
            Claim::Conflict => return Err(ChatError::Conflict),
            Claim::Limited { retry_after_s } => return Err(ChatError::Limited { retry_after_s }),
        };
        let message = asked.message(at);
        if repeated {
            return Ok((self.as_shown(message).await?, true));
        }
        self.outgoing.send(&Record::Posted(message.clone())).await?;
        self.room.publish(asked, &message).await?;
        Ok((message, false))
    }

    /// The message as it was first written: its author may be something else by now.
    async fn as_shown(&self, repeated: Message) -> Result<Message, ChatError> {
        Ok(self.room.shown_message(&repeated.message_id).await?.unwrap_or(repeated))
    }

    /// A page of an auction's messages, newest first, of at most `limit`. It may have fewer, even none,
    /// and still not be the last, where messages were deleted.
    pub(crate) async fn page(
        &self,
        auction: &AuctionId,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<Message>, ChatError> {
        let list = format!("chat of {auction}");
        let after = cursor
            .map(|text| cursor::decode::<Position>(&list, text).ok_or(ChatError::InvalidCursor))
            .transpose()?;
        let before = after.map(|position| position.at);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        // One more than asked for tells whether there is a next page.
        let wanted = limit.saturating_add(1);
        let mut items = self.room.recent(auction, before, wanted).await?;
        let mut rest = None;
        let asked_archive = items.len() < wanted;
        if asked_archive {
            let before = items.last().map(|message| message.at).or(before);
            let older = self.archive.page(auction, before, wanted - items.len()).await?;
            items.extend(older.messages);
            rest = older.rest;
        }
        // Where to go on is settled before what DynamoDB does not know to be deleted is left out.
        let end = if items.len() > limit {
            items.truncate(limit);
            items.last().map(|last| last.at)
        } else {
            rest
        };
        if asked_archive {
            items = self.room.without_deleted(auction, items).await?;
        }
        let next_cursor = end.map(|at| cursor::encode(&list, &Position { at }));
        Ok(Page { items, next_cursor })
    }

    /// Who wrote a message, deleted or not; `None` when there is none.
    pub(crate) async fn author(&self, id: &MessageId) -> Result<Option<UserId>, ChatError> {
        match self.room.author(id).await? {
            Some(author) => Ok(Some(author)),
            None => self.archive.author(id).await,
        }
    }

    /// Deletes a message of the author that [`Chat::author`] gave, at `deleted_at`. From then on nobody
    /// is shown it; again, it changes nothing. After an error it may be shown until it is asked for
    /// again.
    pub(crate) async fn delete(
        &self,
        id: &MessageId,
        author: &UserId,
        deleted_by: &UserId,
        deleted_at: Timestamp,
    ) -> Result<(), ChatError> {
        // Kept first: what was only hidden would come back, and nobody would ask again to delete it.
        let record = Record::Deleted {
            message_id: id.clone(),
            at: id.at(),
            user_id: author.clone(),
            deleted_by: deleted_by.clone(),
            deleted_at,
        };
        self.outgoing.send(&record).await?;
        self.room.remove(id, author).await
    }
}
