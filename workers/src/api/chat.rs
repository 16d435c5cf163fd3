//! The chat of an auction: anybody reads it, who is signed in writes, its seller keeps order.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use gavel_core::ids::{MessageId, UserId};
use gavel_core::wire::{
    ADMINISTRATORS, ChatDeleted, ChatMessage, ChatMute, ChatRequest, ChatRole, Code, Page,
};

use super::drive::permitted;
use super::identity::{Caller, SignedIn};
use super::path::{AuctionPath, MessagePath};
use super::problem::ApiError;
use super::query::PageQuery;
use crate::catalog::{AuctionRecord, Catalog};
use crate::chat::{Asked, Chat, Message};
use crate::ledger::Ledger;
use crate::limits::CHAT_AFTER_CLOSE_MS;
use crate::users::Users;

/// `POST /v1/auctions/{id}/chat`: 201, or 200 for a repeat.
pub(super) async fn post(
    State(chat): State<Chat>,
    State(users): State<Users>,
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
    AuctionPath(auction): AuctionPath,
    body: Bytes,
) -> Result<Response, ApiError> {
    let key = caller.idempotency_key()?;
    let request = ChatRequest::parse(&body)?;
    let profile = users.profile(&caller.user).await?;
    let record = catalog.get(&auction).await?;
    let asked = Asked {
        auction: &auction,
        author: &caller.user,
        key: &key,
        role: role(&record.seller, &caller),
        text: &request.text,
    };
    let show = |message| Json(shown(message, &record.seller, Some(profile.display_name)));
    if let Some(message) = chat.posted(&asked).await? {
        return Ok(show(message).into_response());
    }
    open(&ledger, &record).await?;
    if chat.mutes.has(&auction, &caller.user).await? {
        return Err(ApiError::refused(Code::Muted, "the seller has muted you in this auction"));
    }
    let (message, repeated) = chat.post(&asked).await?;
    let status = if repeated { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, show(message)).into_response())
}

/// What somebody is in the room of an auction that `seller` sells in.
fn role(seller: &UserId, caller: &SignedIn) -> ChatRole {
    if caller.user == *seller {
        ChatRole::Seller
    } else if caller.is_in(ADMINISTRATORS) {
        ChatRole::Admin
    } else {
        ChatRole::Viewer
    }
}

/// Whether an auction was not over long ago.
async fn open(ledger: &Ledger, auction: &AuctionRecord) -> Result<(), ApiError> {
    let Some(result) = &auction.result else { return Ok(()) };
    if ledger.now_of(&auction.id).await? > result.closed_at.plus_ms(CHAT_AFTER_CLOSE_MS) {
        return Err(ApiError::refused(Code::ChatClosed, "the auction was over a day ago"));
    }
    Ok(())
}

/// `GET /v1/auctions/{id}/chat`: newest first, under the names that the authors have now.
pub(super) async fn list(
    State(chat): State<Chat>,
    State(users): State<Users>,
    State(catalog): State<Catalog>,
    _: Caller,
    AuctionPath(auction): AuctionPath,
    PageQuery(page): PageQuery,
) -> Result<Json<Page<ChatMessage>>, ApiError> {
    let seller = catalog.get(&auction).await?.seller;
    let page = chat.page(&auction, page.cursor.as_deref(), page.limit).await?;
    let authors: BTreeSet<_> = page.items.iter().map(|message| message.user_id.clone()).collect();
    let names = users.names(&authors).await?;
    let show = |message: Message| {
        let author = names.get(&message.user_id).cloned();
        shown(message, &seller, author)
    };
    let items = page.items.into_iter().map(show).collect();
    Ok(Json(Page { items, next_cursor: page.next_cursor }))
}

/// `DELETE /v1/auctions/{id}/chat/{message_id}`: by its author, or whoever may drive the auction.
pub(super) async fn delete(
    State(chat): State<Chat>,
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
    MessagePath(id): MessagePath,
) -> Result<Json<ChatDeleted>, ApiError> {
    let auction = id.auction();
    // One read by key, so it may come before the question whether the caller may.
    let author = author(&chat, &id).await?;
    if author != caller.user {
        permitted(&catalog, &auction, &caller).await?;
    }
    let now = ledger.now_of(&auction).await?;
    chat.delete(&id, &author, &caller.user, now).await?;
    Ok(Json(ChatDeleted { auction_id: auction, message_id: id }))
}

/// `PUT /v1/auctions/{id}/chat/{message_id}/mute`: its author writes no more in this auction.
pub(super) async fn mute(
    parts: (State<Chat>, State<Catalog>, State<Ledger>),
    caller: SignedIn,
    path: MessagePath,
) -> Result<Json<ChatMute>, ApiError> {
    set_mute(parts, caller, path, true).await
}

/// `DELETE /v1/auctions/{id}/chat/{message_id}/mute`: its author may write again.
pub(super) async fn unmute(
    parts: (State<Chat>, State<Catalog>, State<Ledger>),
    caller: SignedIn,
    path: MessagePath,
) -> Result<Json<ChatMute>, ApiError> {
    set_mute(parts, caller, path, false).await
}

async fn set_mute(
    (chat, catalog, ledger): (State<Chat>, State<Catalog>, State<Ledger>),
    caller: SignedIn,
    MessagePath(id): MessagePath,
    muted: bool,
) -> Result<Json<ChatMute>, ApiError> {
    let auction = id.auction();
    permitted(&catalog, &auction, &caller).await?;
    let author = author(&chat, &id).await?;
    // Replayed, it would undo what was done since.
    if ledger.first_use(&auction, caller.request_id()).await? {
        if muted {
            chat.mutes.add(&auction, &author, &caller.user).await?;
        } else {
            chat.mutes.remove(&auction, &author).await?;
        }
    }
    Ok(Json(ChatMute { message_id: id, auction_id: auction, muted }))
}

async fn author(chat: &Chat, id: &MessageId) -> Result<UserId, ApiError> {
    chat.author(id).await?.ok_or_else(ApiError::not_found)
}

/// A message as anybody may see it. One from before there were roles is its seller's or nobody's in
/// particular; one whose role is not known here claims nothing.
fn shown(message: Message, seller: &UserId, author: Option<String>) -> ChatMessage {
    let role = match message.role.as_deref() {
        Some(role) => ChatRole::parse(role).unwrap_or(ChatRole::Viewer),
        None if message.user_id == *seller => ChatRole::Seller,
        None => ChatRole::Viewer,
    };
    ChatMessage {
        message_id: message.message_id,
        auction_id: message.auction_id,
        author,
        role,
        text: message.text,
        at: message.at,
    }
}
