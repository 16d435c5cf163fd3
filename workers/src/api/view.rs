//! An auction as shown: the catalogue's row, with what the ledger knows better.

use gavel_core::auction::{Auction, Outcome, Phase};
use gavel_core::ids::UserId;
use gavel_core::time::Timestamp;
use gavel_core::wire::{AuctionView, ShownStatus};

use crate::catalog::AuctionRecord;

/// `record` as `viewer` may see it. `live` is the ledger's state, where it has one, and its clock.
pub(super) fn auction_view(
    record: AuctionRecord,
    live: Option<(&Auction, Timestamp)>,
    viewer: Option<&UserId>,
) -> AuctionView {
    let known = record.state();
    let status =
        live.map_or(ShownStatus::from(record.status), |(state, now)| ShownStatus::of(state, now));
    let live = live.map(|(state, _)| state);
    let state = live.or(known.as_ref());
    let closed = state.and_then(|state| match &state.phase {
        Phase::Closed { outcome, at } => Some((outcome.clone(), *at)),
        _ => None,
    });
    let sold = closed.as_ref().and_then(|(outcome, _)| match outcome {
        Outcome::Sold { winner, hammer_price, .. } => Some((winner, *hammer_price)),
        Outcome::Unsold | Outcome::Cancelled => None,
    });
    let ends_at = match (&closed, live) {
        (Some((_, at)), _) => Some(*at),
        (None, Some(live)) => live.ends_at(),
        (None, None) => record.ends_at,
    };
    let is_seller = viewer == Some(&record.seller);
    let terms = record.terms;
    AuctionView {
        status,
        ends_at,
        winner_id: sold.map(|(winner, _)| record.id.public_name(winner)),
        hammer_price: sold.map(|(_, price)| price),
        outcome: closed.as_ref().map(|(outcome, _)| outcome.as_str().to_owned()),
        id: record.id,
        seller_id: record.seller,
        title: record.title,
        description: record.description,
        category: record.category,
        condition: record.condition,
        image_urls: record.image_urls,
        currency: terms.currency,
        starting_price: terms.starting_price,
        reserve_price: terms.reserve_price.filter(|_| is_seller),
        has_reserve: terms.reserve_price.is_some(),
        buy_now_price: terms.buy_now_price,
        // Of an open auction whose price is not known just now, it is not promised.
        buy_now_open: status != ShownStatus::Closing
            && state.is_some_and(|state| state.buy_now().is_some()),
        bid_ceiling: terms.bid_ceiling,
        increments: terms.increments,
        opens_at: terms.opens_at,
        duration_s: terms.duration_ms / 1_000,
        soft_close: terms.soft_close.into(),
        grace_ms: terms.grace_ms,
        private: record.private,
        created_at: record.created_at,
        playback_url: record.playback_url.filter(|_| closed.is_none()),
    }
}

#[cfg(test)]
mod tests {
    use gavel_core::auction::{Command, Event, OpenCause, apply, decide};

    use super::*;
    use crate::api::testing::scheduled;

    fn user(name: &str) -> UserId {
        UserId::parse(name).unwrap()
    }

    fn record() -> AuctionRecord {
        let body =
            br#"{"title":"A watch","starting_price":100,"reserve_price":900,"duration_s":60}"#;
        scheduled("use1_01928e2c-7f3e-7abc-8def-0123456789ab", body)
    }

    fn after(state: &Auction, command: &Command, now: Timestamp) -> Auction {
        let mut state = state.clone();
        for event in decide(&state, command, now).unwrap() {
            let event: Event = event;
            apply(&mut state, &event);
        }
        state
    }

    #[test]
    fn the_reserve_is_shown_to_the_seller_only() {
        let reserve = |viewer: Option<&UserId>| auction_view(record(), None, viewer).reserve_price;
        assert_eq!(reserve(None), None);
        assert_eq!(reserve(Some(&user("somebody"))), None);
        assert_eq!(reserve(Some(&user("seller"))), record().terms.reserve_price);
        let json = serde_json::to_value(auction_view(record(), None, None)).unwrap();
        assert!(json.get("reserve_price").is_none(), "{json}");
    }

    #[test]
    fn the_ledger_knows_better_than_the_row() {
        let now = Timestamp::from_ms(1_000);
        let live = after(&record().scheduled(), &Command::Open(OpenCause::Seller), now);
        let ends_at = now.plus_ms(60_000);
        let view = auction_view(record(), Some((&live, now)), None);
        assert_eq!((view.status, view.ends_at), (ShownStatus::Live, Some(ends_at)));
        let view = auction_view(record(), Some((&live, ends_at)), None);
        assert_eq!((view.status, view.ends_at), (ShownStatus::Closing, Some(ends_at)));
        let cancelled = after(&live, &Command::Cancel, now.plus_ms(5));
        let view = auction_view(record(), Some((&cancelled, ends_at)), None);
        assert_eq!((view.status, view.ends_at), (ShownStatus::Closed, Some(now.plus_ms(5))));
        assert_eq!(view.outcome.as_deref(), Some("cancelled"));
        assert_eq!((view.winner_id, view.hammer_price), (None, None));
    }
}
