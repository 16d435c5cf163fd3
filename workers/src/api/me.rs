//! One's own profile: look at it, change it, and be forgotten.

use std::collections::BTreeSet;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use gavel_core::auction::Phase;
use gavel_core::ids::{AuctionId, UserId};
use gavel_core::limits::PAGE_ITEMS_MAX;
use gavel_core::wire::{Channel, Code, DeletedMe, EditMe, MeView};

use super::deps::History;
use super::identity::SignedIn;
use super::problem::ApiError;
use crate::history::BidHistory;
use crate::ledger::Ledger;
use crate::limits::{FORGET_MAX, LEADING_PAGES_MAX};
use crate::users::{Change, Devices, Erasures, Name, Roster, Users};

/// `GET /v1/me`: makes the profile if it is not there yet.
pub(super) async fn show(
    State(users): State<Users>,
    caller: SignedIn,
) -> Result<Json<MeView>, ApiError> {
    Ok(Json(users.profile(&caller.user).await?.into()))
}

/// `PATCH /v1/me`.
pub(super) async fn edit(
    State(users): State<Users>,
    State(ledger): State<Ledger>,
    State(devices): State<Option<Devices>>,
    caller: SignedIn,
    body: Bytes,
) -> Result<Json<MeView>, ApiError> {
    let edit = EditMe::parse(&body)?;
    let name = edit.display_name.as_ref().map(Name::chosen).transpose()?;
    let profile = users.profile(&caller.user).await?;
    let pushed = edit.channel == Some(Channel::Push);
    let devices = match devices {
        None if pushed => return Err(no_push("notifications.channel")),
        None if edit.push_token.is_some() => return Err(no_push("notifications.push_token")),
        devices => devices,
    };
    if pushed && edit.push_token.is_none() && !profile.push_device {
        return Err(ApiError::field("notifications.push_token", "is required for push"));
    }
    if !ledger.first_use_by(&caller.user, caller.request_id()).await? {
        // Replayed, it would undo what was changed since.
        return Ok(Json(profile.into()));
    }
    let endpoint = match (&devices, &edit.push_token) {
        (Some(devices), Some(token)) => Some(devices.register(token).await?),
        _ => None,
    };
    let change = Change {
        display_name: name.as_ref(),
        channel: edit.channel,
        push_endpoint: endpoint.as_deref(),
    };
    let edited = users.edit(&caller.user, change).await?;
    if let (Some(devices), Some(replaced)) = (devices, edited.replaced_device) {
        // Nobody waits long for it: what was changed is changed.
        let forgotten = tokio::time::timeout(FORGET_MAX, devices.forget(&replaced)).await;
        if !matches!(forgotten, Ok(Ok(()))) {
            tracing::warn!(?forgotten, "a replaced device stays in SNS");
        }
    }
    Ok(Json(edited.profile.into()))
}

fn no_push(field: &str) -> ApiError {
    ApiError::field(field, "this deployment sends no push notifications")
}

/// `DELETE /v1/me`: again, it changes nothing. Refused while somebody else counts on the person: who
/// bids in an auction of theirs, or sells to them.
pub(super) async fn delete(
    State(users): State<Users>,
    State(roster): State<Roster>,
    State(erasures): State<Erasures>,
    State(history): State<History>,
    State(ledger): State<Ledger>,
    caller: SignedIn,
) -> Result<Json<DeletedMe>, ApiError> {
    let user = &caller.user;
    if users.sells(user).await? {
        return Err(in_use("you sell in an auction that is not over: cancel or close it first"));
    }
    if leads(history.as_ref(), &ledger, user).await? {
        return Err(in_use("you lead in an auction that is not over"));
    }
    let deleted_at = users.delete(user).await?;
    roster.deleted(user);
    erasures.announce();
    Ok(Json(DeletedMe { user_id: user.clone(), deleted_at }))
}

fn in_use(detail: &str) -> ApiError {
    ApiError::refused(Code::AccountInUse, detail)
}

/// Whether somebody leads in an open auction, by their latest bids.
async fn leads(history: &dyn BidHistory, ledger: &Ledger, user: &UserId) -> Result<bool, ApiError> {
    let mut looked_at: BTreeSet<AuctionId> = BTreeSet::new();
    let mut cursor = None;
    for _ in 0..LEADING_PAGES_MAX {
        let page = history.own(user, cursor.as_deref(), PAGE_ITEMS_MAX).await?;
        for item in page.items {
            if !looked_at.insert(item.auction_id.clone()) {
                continue;
            }
            let state = ledger.state(&item.auction_id).await?;
            let leads = state.is_some_and(|state| {
                let open = !matches!(state.phase, Phase::Closed { .. });
                open && state.lead.is_some_and(|lead| lead.bidder == *user)
            });
            if leads {
                return Ok(true);
            }
        }
        cursor = page.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    Ok(false)
}
