//! Chat messages in DynamoDB. Posting and deleting write the same item and end the same in whatever
//! order they come and however often: what was deleted never has a text again.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use gavel_core::ids::{AuctionId, MessageId, UserId};
use gavel_core::time::Timestamp;

use super::record::Record;
use super::{ChatError, Message};
use crate::limits::{CHAT_PAGE_QUERIES_MAX, CHAT_QUERY_ITEMS_MIN, CHAT_RETENTION_S};

/// The sort key of the table; its partition key is `auction_id`.
const SORT: &str = "timestamp#message_id";

type Item = HashMap<String, AttributeValue>;

/// Messages, newest first.
#[derive(Debug)]
pub(super) struct Older {
    pub(super) messages: Vec<Message>,
    /// Where to go on, when there may be more than was looked at: before this time.
    pub(super) rest: Option<Timestamp>,
}

/// The messages in one DynamoDB table. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Archive {
    client: Client,
    table: String,
}

impl Archive {
    /// The messages in `table`. The client should have an operation time-out.
    pub(crate) const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Keeps what `record` says.
    pub(super) async fn write(&self, record: &Record) -> Result<(), ChatError> {
        let sent = match record {
            Record::Posted(message) => {
                let update = self
                    .update(&message.message_id, message.at)
                    .condition_expression("attribute_not_exists(deleted_at)")
                    .expression_attribute_names("#text", "text")
                    .expression_attribute_values(":user", text(message.user_id.as_str()))
                    .expression_attribute_values(":text", text(&message.text));
                let set = "SET message_id = :message, user_id = :user, #text = :text, \
                           ttl_expiry = :expiry";
                let update = match &message.role {
                    None => update.update_expression(set),
                    Some(role) => update
                        .update_expression(format!("{set}, #role = :role"))
                        .expression_attribute_names("#role", "role")
                        .expression_attribute_values(":role", text(role)),
                };
                match update.send().await {
                    Err(error)
                        if error
                            .as_service_error()
                            .is_some_and(|e| e.is_conditional_check_failed_exception()) =>
                    {
                        return Ok(());
                    }
                    sent => sent,
                }
            }
            Record::Deleted { message_id, at, user_id, deleted_by, deleted_at } => {
                self.update(message_id, *at)
                    .update_expression(
                        "SET message_id = :message, user_id = :user, deleted_by = :by, \
                         deleted_at = :deleted, ttl_expiry = :expiry REMOVE #text",
                    )
                    .expression_attribute_names("#text", "text")
                    .expression_attribute_values(":user", text(user_id.as_str()))
                    .expression_attribute_values(":by", text(deleted_by.as_str()))
                    .expression_attribute_values(":deleted", number(deleted_at.as_ms()))
                    .send()
                    .await
            }
        };
        sent.map(drop).map_err(|error| unavailable(&error))
    }

    fn update(&self, id: &MessageId, at: Timestamp) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("auction_id", text(id.auction().as_str()))
            .key(SORT, text(&sort_key(id, at)))
            .expression_attribute_values(":message", text(id.as_str()))
            .expression_attribute_values(":expiry", number(at.as_ms() / 1_000 + CHAT_RETENTION_S))
    }

    /// At most `most` messages that are not deleted, the newest before a time; fewer although there
    /// are more where very many were deleted.
    pub(super) async fn page(
        &self,
        auction: &AuctionId,
        before: Option<Timestamp>,
        most: usize,
    ) -> Result<Older, ChatError> {
        let query = self.query(auction).scan_index_forward(false);
        let mut query = match before {
            None => query.key_condition_expression("auction_id = :auction"),
            // Just before the stamp: every sort key with that stamp is longer, hence greater.
            Some(before) => query
                .key_condition_expression("auction_id = :auction and #sort < :stamp")
                .expression_attribute_names("#sort", SORT)
                .expression_attribute_values(":stamp", text(&stamp(before))),
        };
        let items = most.max(CHAT_QUERY_ITEMS_MIN);
        query = query.limit(i32::try_from(items).unwrap_or(i32::MAX));
        let mut messages = Vec::new();
        let mut rest = None;
        for _ in 0..CHAT_PAGE_QUERIES_MAX {
            let reply = query.clone().send().await.map_err(|error| unavailable(&error))?;
            let kept = reply.items().iter().filter(|item| item.contains_key("text"));
            let read: Result<Vec<_>, _> = kept.map(|item| message(auction, item)).collect();
            messages.extend(read?);
            rest = reply.last_evaluated_key().map(time).transpose()?;
            if rest.is_none() || messages.len() >= most {
                break;
            }
            query = query.set_exclusive_start_key(reply.last_evaluated_key);
        }
        if messages.len() > most {
            messages.truncate(most);
            rest = messages.last().map(|message| message.at);
        }
        Ok(Older { messages, rest })
    }

    /// Who wrote a message, if it is there, deleted or not.
    pub(super) async fn author(&self, id: &MessageId) -> Result<Option<UserId>, ChatError> {
        let query = self
            .query(&id.auction())
            .key_condition_expression("auction_id = :auction and #sort = :key")
            .expression_attribute_names("#sort", SORT)
            .expression_attribute_values(":key", text(&sort_key(id, id.at())));
        let reply = query.send().await.map_err(|error| unavailable(&error))?;
        reply.items().first().map(author).transpose()
    }

    fn query(&self, auction: &AuctionId) -> QueryFluentBuilder {
        let query = self.client.query().table_name(&self.table);
        query.expression_attribute_values(":auction", text(auction.as_str()))
    }
}

fn message(auction: &AuctionId, item: &Item) -> Result<Message, ChatError> {
    let id = MessageId::parse(field(item, "message_id")?);
    Ok(Message {
        message_id: id.map_err(|_| ChatError::Broken("an id"))?,
        auction_id: auction.clone(),
        user_id: author(item)?,
        role: item.get("role").and_then(|role| role.as_s().ok()).cloned(),
        text: field(item, "text")?.to_owned(),
        at: time(item)?,
    })
}

fn author(item: &Item) -> Result<UserId, ChatError> {
    UserId::parse(field(item, "user_id")?).map_err(|_| ChatError::Broken("an author"))
}

/// The time in an item's sort key.
fn time(item: &Item) -> Result<Timestamp, ChatError> {
    let stamp = field(item, SORT)?.split('#').next().unwrap_or_default();
    stamp.parse().map(Timestamp::from_ms).map_err(|_| ChatError::Broken("a time"))
}

fn field<'a>(item: &'a Item, name: &str) -> Result<&'a str, ChatError> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.map(String::as_str).ok_or(ChatError::Broken("an item"))
}

fn sort_key(id: &MessageId, at: Timestamp) -> String {
    format!("{}#{id}", stamp(at))
}

/// A time in the sort key: 16 digits, enough beyond the year 9999, so text sorts as time.
fn stamp(at: Timestamp) -> String {
    format!("{:016}", at.as_ms())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: i64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

fn unavailable(error: &(impl std::error::Error + 'static)) -> ChatError {
    ChatError::Unavailable(DisplayErrorContext(error).to_string())
}
