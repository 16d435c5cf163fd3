//! Changing an auction before it opens: for its seller and for administrators.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use gavel_core::wire::{AuctionView, Code, EditAuction, Status};

use super::auctions::private_if_offered;
use super::drive::permitted;
use super::identity::SignedIn;
use super::path::AuctionPath;
use super::problem::ApiError;
use super::view::auction_view;
use crate::catalog::Catalog;
use crate::ledger::Ledger;
use crate::limits::EDIT_ATTEMPTS_MAX;
use crate::video::Video;

/// `PATCH /v1/auctions/{id}`: the fields of the request that created it, as they should be.
pub(super) async fn edit(
    State(catalog): State<Catalog>,
    State(ledger): State<Ledger>,
    State(video): State<Video>,
    caller: SignedIn,
    AuctionPath(id): AuctionPath,
    body: Bytes,
) -> Result<Json<AuctionView>, ApiError> {
    let edit = EditAuction::parse(&body)?;
    let now = caller.assertion().arrived_at();
    let mut record = permitted(&catalog, &id, &caller).await?;
    let show = |record| Ok(Json(auction_view(record, None, Some(&caller.user))));
    if !ledger.first_use(&id, caller.request_id()).await? {
        // Replayed, it would undo what was changed since.
        return show(record);
    }
    for _ in 0..EDIT_ATTEMPTS_MAX {
        if record.status != Status::Scheduled || record.opening {
            return Err(ApiError::refused(
                Code::AuctionNotScheduled,
                "an auction can be changed until it opens",
            ));
        }
        let edited = edit.apply(&record.request(), now)?;
        private_if_offered(&video, edited.private)?;
        if catalog.edit(&record, &edited).await? {
            if edited.terms.opens_at.is_some() {
                ledger.wakes().schedule_changed();
            }
            return show(catalog.get(&id).await?);
        }
        // Changed or opened by somebody else meanwhile: the change is laid over that.
        record = catalog.get(&id).await?;
    }
    Err(ApiError::Unavailable("an auction is being changed by many at once"))
}
