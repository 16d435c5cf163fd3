//! What an auction's chat has in Redis: the latest messages, which are deleted, whose turn it is.
//!
//! All of it is in the auction's slot and goes away by itself. A message gets its time exactly once, by
//! a claim, so that whoever repeats a request repeats the message and does not double it.

use gavel_core::ids::{AuctionId, MessageId, UserId};
use gavel_core::time::Timestamp;
use gavel_core::wire::body_digest;
use redis::RedisError;

use super::keys::Keys;
use super::{Asked, ChatError, Message};
use crate::limits::{CHAT_BURST, CHAT_CLAIM_S, CHAT_DELETED_S, CHAT_RECENT_MAX, CHAT_RECENT_S};
use crate::redis::{Connection, Redis, Script};

/// What came of claiming a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Claim {
    /// It has this time.
    New(Timestamp),
    /// It was claimed before, but may not have been kept or shown.
    Begun(Timestamp),
    /// It was kept and shown before.
    Shown(Timestamp),
    /// Something else was claimed under this key.
    Conflict,
    /// Too many.
    Limited {
        /// For how long, in seconds.
        retry_after_s: u64,
    },
}

/// The chats in Redis. Cheap to clone.
#[derive(Clone)]
pub(super) struct Room {
    redis: Connection,
    keys: Keys,
    interval_ms: u32,
    claim: Script,
    publish: Script,
    recent: Script,
    remove: Script,
}

impl Room {
    pub(super) fn new(redis: &Redis, interval_ms: u32) -> Self {
        Self {
            redis: redis.connection.clone(),
            keys: Keys(redis.shards),
            interval_ms,
            claim: Script::new(include_str!("claim.lua")),
            publish: Script::new(include_str!("publish.lua")),
            recent: Script::new(include_str!("recent.lua")),
            remove: Script::new(include_str!("remove.lua")),
        }
    }

    /// Gives a message its time, unless its author writes too much.
    pub(super) async fn claim(&self, asked: &Asked<'_>) -> Result<Claim, ChatError> {
        let Asked { auction, author, .. } = *asked;
        let digest = body_digest(asked.text.as_bytes());
        let keys =
            [self.claim_key(asked), self.keys.rate(auction, author), self.keys.time(auction)];
        let mut call = self.claim.call(self.keys.0.of(auction), &keys);
        call.arg(&digest).arg(self.interval_ms).arg(CHAT_BURST);
        call.arg(CHAT_CLAIM_S).arg(CHAT_RECENT_S);
        let (what, value): (String, String) = call.query(&self.redis).await?;
        match what.as_str() {
            "new" => Ok(Claim::New(time(&value)?)),
            "found" => found(&value, asked),
            _ => {
                let wait_ms: u64 = value.parse().map_err(|_| ChatError::Broken("a limit"))?;
                Ok(Claim::Limited { retry_after_s: wait_ms.div_ceil(1_000).max(1) })
            }
        }
    }

    /// What came of claiming the message before; `None` when it was not, or long ago.
    pub(super) async fn claimed(&self, asked: &Asked<'_>) -> Result<Option<Claim>, ChatError> {
        let mut command = redis::cmd("GET");
        command.arg(self.claim_key(asked));
        let shard = self.keys.0.of(asked.auction);
        let claim: Option<String> = self.redis.query(shard, &command).await?;
        claim.map(|claim| found(&claim, asked)).transpose()
    }

    /// Shows a message, unless it was deleted meanwhile.
    pub(super) async fn publish(
        &self,
        asked: &Asked<'_>,
        message: &Message,
    ) -> Result<(), ChatError> {
        let auction = asked.auction;
        let [recent, texts] = self.shown(auction);
        let deleted = self.keys.deleted(&message.message_id);
        let keys = [recent, texts, deleted, self.claim_key(asked)];
        let json = serde_json::to_string(message).expect("messages are plain structs");
        let digest = body_digest(asked.text.as_bytes());
        let claim = format!("{} {digest} shown", message.at.as_ms());
        let mut call = self.publish.call(self.keys.0.of(auction), &keys);
        call.arg(message.message_id.as_str()).arg(message.at.as_ms()).arg(json);
        call.arg(CHAT_RECENT_MAX).arg(CHAT_RECENT_S).arg(claim);
        let _shown: i64 = call.query(&self.redis).await?;
        Ok(())
    }

    /// At most `most` messages, the newest before a time.
    pub(super) async fn recent(
        &self,
        auction: &AuctionId,
        before: Option<Timestamp>,
        most: usize,
    ) -> Result<Vec<Message>, ChatError> {
        let keys = self.shown(auction);
        let highest = before.map_or("+inf".to_owned(), |before| format!("({}", before.as_ms()));
        let mut call = self.recent.call(self.keys.0.of(auction), &keys);
        call.arg(highest).arg(most);
        let found: Vec<Option<String>> = call.query(&self.redis).await?;
        found.iter().flatten().map(|json| recent(json)).collect()
    }

    /// Those of `messages` that nobody has deleted lately.
    pub(super) async fn without_deleted(
        &self,
        auction: &AuctionId,
        mut messages: Vec<Message>,
    ) -> Result<Vec<Message>, ChatError> {
        if messages.is_empty() {
            return Ok(messages);
        }
        let mut command = redis::cmd("MGET");
        for message in &messages {
            command.arg(self.keys.deleted(&message.message_id));
        }
        let deleted: Vec<Option<String>> =
            self.redis.query(self.keys.0.of(auction), &command).await?;
        let mut deleted = deleted.into_iter();
        messages.retain(|_| deleted.next() == Some(None));
        Ok(messages)
    }

    /// Who wrote a message that is shown from here, or was deleted lately.
    pub(super) async fn author(&self, id: &MessageId) -> Result<Option<UserId>, ChatError> {
        if let Some(message) = self.shown_message(id).await? {
            return Ok(Some(message.user_id));
        }
        let mut command = redis::cmd("GET");
        command.arg(self.keys.deleted(id));
        let shard = self.keys.0.of(&id.auction());
        let author: Option<String> = self.redis.query(shard, &command).await?;
        let author = author.map(|author| UserId::parse(&author)).transpose();
        author.map_err(|_| ChatError::Broken("a deletion"))
    }

    /// A message that is shown from here.
    pub(super) async fn shown_message(&self, id: &MessageId) -> Result<Option<Message>, ChatError> {
        let auction = id.auction();
        let [_, texts] = self.shown(&auction);
        let mut command = redis::cmd("HGET");
        command.arg(texts).arg(id.as_str());
        let shown: Option<String> = self.redis.query(self.keys.0.of(&auction), &command).await?;
        shown.map(|json| recent(&json)).transpose()
    }

    /// Shows a message to nobody any more.
    pub(super) async fn remove(&self, id: &MessageId, author: &UserId) -> Result<(), ChatError> {
        let auction = id.auction();
        let [recent, texts] = self.shown(&auction);
        let keys = [recent, texts, self.keys.deleted(id)];
        let mut call = self.remove.call(self.keys.0.of(&auction), &keys);
        call.arg(id.as_str()).arg(author.as_str()).arg(CHAT_DELETED_S);
        let _removed: i64 = call.query(&self.redis).await?;
        Ok(())
    }

    /// The keys of what is shown: recent ids, their messages.
    fn shown(&self, auction: &AuctionId) -> [String; 2] {
        [self.keys.recent(auction), self.keys.texts(auction)]
    }

    fn claim_key(&self, asked: &Asked<'_>) -> String {
        self.keys.claim(asked.auction, asked.author, asked.key)
    }
}

/// What a claim that is there means to whoever asks now.
fn found(claim: &str, asked: &Asked<'_>) -> Result<Claim, ChatError> {
    let claimed = Claimed::read(claim)?;
    Ok(match claimed.state {
        _ if claimed.digest != body_digest(asked.text.as_bytes()) => Claim::Conflict,
        "shown" => Claim::Shown(claimed.at),
        _ => Claim::Begun(claimed.at),
    })
}

fn recent(json: &str) -> Result<Message, ChatError> {
    serde_json::from_str(json).map_err(|_| ChatError::Broken("a recent message"))
}

/// A claim as it is stored.
struct Claimed<'a> {
    at: Timestamp,
    digest: &'a str,
    state: &'a str,
}

impl<'a> Claimed<'a> {
    fn read(text: &'a str) -> Result<Self, ChatError> {
        match text.split(' ').collect::<Vec<_>>().as_slice() {
            [at, digest, state] => Ok(Self { at: time(at)?, digest, state }),
            _ => Err(ChatError::Broken("a claim")),
        }
    }
}

fn time(text: &str) -> Result<Timestamp, ChatError> {
    text.parse().map(Timestamp::from_ms).map_err(|_| ChatError::Broken("a time"))
}

impl From<RedisError> for ChatError {
    fn from(error: RedisError) -> Self {
        Self::Unavailable(error.to_string())
    }
}
