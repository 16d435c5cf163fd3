//! A bid as a DynamoDB item: a pure function of its event, so writing it again changes nothing.
//!
//! The item holds all of the event, so the event can be read back from it. Names and keys are a
//! durable format; they never change meaning.

use std::collections::HashMap;
use std::str::FromStr;

use aws_sdk_dynamodb::types::AttributeValue;
use gavel_core::auction::{AcceptedBid, BidStatus, Event, EventKind};
use gavel_core::ids::{AuctionId, BidId, UserId};
use gavel_core::money::{Amount, Currency};
use gavel_core::time::Timestamp;

use crate::limits::BID_RETENTION_S;

/// The partition key of the table.
pub(super) const AUCTION: &str = "auction_id";
/// The sort key of the table.
pub(super) const SORT: &str = "timestamp#user_id";
/// The partition key of the index.
pub(super) const USER: &str = "user_id";
/// The sort key of the index: the stamp in milliseconds.
pub(super) const STAMP: &str = "timestamp";
/// Who lost the lead to the bid; not there if nobody did.
const OUTBID: &str = "outbid_user_id";
/// The least next bid after it; not there if nothing can follow.
const MINIMUM: &str = "minimum_next";
/// Whether buy-now was still on offer after it.
const BUY_NOW: &str = "buy_now_open";
/// The bid's id.
pub(super) const BID: &str = "bid_id";

/// An item.
pub(super) type Item = HashMap<String, AttributeValue>;

/// An item that no bid of ours became.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an item of the bid history has no valid `{0}`")]
pub(super) struct CorruptItem(&'static str);

/// The stamp's part of the sort key: 16 digits, enough beyond the year 9999, so text sorts as time.
pub(super) fn sort_stamp(stamp: Timestamp) -> String {
    format!("{:016}", stamp.as_ms())
}

/// The sort key. Stamps rise strictly within an auction, so no two bids share one.
pub(super) fn sort_key(stamp: Timestamp, user: &UserId) -> String {
    format!("{}#{user}", sort_stamp(stamp))
}

/// The item of `bid`, which `event` records.
pub(super) fn item(event: &Event, bid: &AcceptedBid) -> Item {
    let text = |value: &str| AttributeValue::S(value.to_owned());
    let time = |at: Timestamp| AttributeValue::N(at.as_ms().to_string());
    let number = |value: u64| AttributeValue::N(value.to_string());
    let amount = |value: Amount| number(value.minor());
    let expiry = bid.stamp.as_ms() / 1_000 + BID_RETENTION_S;
    [
        (AUCTION, text(event.auction_id.as_str())),
        (SORT, AttributeValue::S(sort_key(bid.stamp, &bid.bidder))),
        (USER, text(bid.bidder.as_str())),
        (STAMP, time(bid.stamp)),
        ("ttl_expiry", AttributeValue::N(expiry.to_string())),
        ("position", number(event.position)),
        ("seq", number(event.seq)),
        ("epoch", number(event.epoch)),
        ("placed_at", time(event.at)),
        (BID, text(bid.bid_id.as_str())),
        ("amount", amount(bid.amount)),
        ("max", amount(bid.max)),
        ("currency", text(bid.currency.as_str())),
        ("status", text(status_name(bid.status))),
        ("price", amount(bid.price)),
        (BUY_NOW, AttributeValue::Bool(bid.buy_now_open)),
        ("ends_at", time(bid.ends_at)),
        ("extended", AttributeValue::Bool(bid.extended)),
    ]
    .into_iter()
    .chain(bid.minimum_next.map(|minimum| (MINIMUM, amount(minimum))))
    .chain(bid.outbid.as_ref().map(|outbid| (OUTBID, text(outbid.as_str()))))
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The event that became `item`, and its bid.
pub(super) fn event(item: &Item) -> Result<(Event, AcceptedBid), CorruptItem> {
    let bid = AcceptedBid {
        bid_id: text(item, BID, BidId::parse)?,
        bidder: text(item, USER, UserId::parse)?,
        amount: amount(item, "amount")?,
        max: amount(item, "max")?,
        currency: text(item, "currency", |code| Currency::recorded(code).ok_or(()))?,
        status: text(item, "status", status)?,
        outbid: item.contains_key(OUTBID).then(|| text(item, OUTBID, UserId::parse)).transpose()?,
        price: amount(item, "price")?,
        minimum_next: minimum(item)?,
        // Items from before it was recorded do not have it.
        buy_now_open: item.contains_key(BUY_NOW) && flag(item, BUY_NOW)?,
        ends_at: time(item, "ends_at")?,
        extended: flag(item, "extended")?,
        stamp: time(item, STAMP)?,
    };
    let event = Event {
        auction_id: text(item, AUCTION, AuctionId::parse)?,
        position: number(item, "position")?,
        seq: number(item, "seq")?,
        epoch: number(item, "epoch")?,
        at: time(item, "placed_at")?,
        kind: EventKind::Bid(bid.clone()),
    };
    Ok((event, bid))
}

const fn status_name(status: BidStatus) -> &'static str {
    match status {
        BidStatus::Leading => "leading",
        BidStatus::Outbid => "outbid",
    }
}

fn status(name: &str) -> Result<BidStatus, ()> {
    [BidStatus::Leading, BidStatus::Outbid]
        .into_iter()
        .find(|status| status_name(*status) == name)
        .ok_or(())
}

fn text<T, E>(
    item: &Item,
    name: &'static str,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> Result<T, CorruptItem> {
    let value = item.get(name).and_then(|value| value.as_s().ok());
    value.and_then(|value| parse(value).ok()).ok_or(CorruptItem(name))
}

fn number<T: FromStr>(item: &Item, name: &'static str) -> Result<T, CorruptItem> {
    let value = item.get(name).and_then(|value| value.as_n().ok());
    value.and_then(|value| value.parse().ok()).ok_or(CorruptItem(name))
}

fn amount(item: &Item, name: &'static str) -> Result<Amount, CorruptItem> {
    Amount::new(number(item, name)?).ok_or(CorruptItem(name))
}

/// An older release wrote the price and its step, which may be more than an amount can be.
fn minimum(item: &Item) -> Result<Option<Amount>, CorruptItem> {
    let minor = item.contains_key(MINIMUM).then(|| number(item, MINIMUM)).transpose()?;
    Ok(minor.and_then(Amount::new))
}

fn flag(item: &Item, name: &'static str) -> Result<bool, CorruptItem> {
    let value = item.get(name).and_then(|value| value.as_bool().ok());
    value.copied().ok_or(CorruptItem(name))
}

fn time(item: &Item, name: &'static str) -> Result<Timestamp, CorruptItem> {
    number(item, name).map(Timestamp::from_ms)
}

#[cfg(test)]
mod tests {
    use super::super::testing::bid_event;
    use super::*;

    fn bid_of(event: &Event) -> AcceptedBid {
        match &event.kind {
            EventKind::Bid(bid) => bid.clone(),
            other => panic!("not a bid: {other:?}"),
        }
    }

    #[test]
    fn an_item_is_its_event_and_nothing_else() {
        let event_1 = bid_event(1);
        let bid_1 = bid_of(&event_1);
        let one = item(&event_1, &bid_1);
        assert_eq!(one, item(&event_1.clone(), &bid_1.clone()), "a pure function");
        assert_eq!(event(&one), Ok((event_1, bid_1)), "nothing is lost");
    }

    #[test]
    fn a_bid_in_a_currency_that_was_withdrawn_since_survives() {
        let mut event = bid_event(3);
        let mut bid = bid_of(&event);
        bid.currency = Currency::recorded("BGN").unwrap();
        event.kind = EventKind::Bid(bid.clone());
        assert_eq!(super::event(&item(&event, &bid)), Ok((event, bid)));
    }

    #[test]
    fn who_was_outbid_survives() {
        let mut event_1 = bid_event(1);
        let EventKind::Bid(bid) = &mut event_1.kind else { panic!("not a bid: {event_1:?}") };
        bid.outbid = Some(UserId::parse("somebody").unwrap());
        let bid = bid.clone();
        assert_eq!(event(&item(&event_1, &bid)), Ok((event_1, bid)));
    }

    #[test]
    fn keys_and_expiry_are_those_of_the_design() {
        let event = bid_event(1);
        let bid = bid_of(&event);
        let one = item(&event, &bid);
        let stamp = bid.stamp.as_ms();
        assert_eq!(one[SORT].as_s().unwrap(), &format!("{stamp:016}#{}", bid.bidder));
        assert_eq!(one[STAMP].as_n().unwrap(), &stamp.to_string());
        let expiry: i64 = one["ttl_expiry"].as_n().unwrap().parse().unwrap();
        assert_eq!(expiry, stamp / 1_000 + 400 * 86_400);
    }

    #[test]
    fn two_bids_in_one_millisecond_are_two_items() {
        let (first, mut second) = (bid_event(1), bid_event(2));
        second.at = first.at;
        let (a, b) = (item(&first, &bid_of(&first)), item(&second, &bid_of(&second)));
        assert_ne!(a[SORT], b[SORT]);
        assert!(a[SORT].as_s().unwrap() < b[SORT].as_s().unwrap());
        assert_eq!(a["placed_at"], b["placed_at"], "the true time stays");
    }

    #[test]
    fn a_bid_that_nothing_can_follow_survives() {
        let mut event_1 = bid_event(1);
        let EventKind::Bid(bid) = &mut event_1.kind else { panic!("not a bid: {event_1:?}") };
        (bid.minimum_next, bid.buy_now_open) = (None, true);
        let bid = bid.clone();
        assert_eq!(event(&item(&event_1, &bid)), Ok((event_1, bid)));
    }

    #[test]
    fn an_item_of_the_release_before_is_read() {
        let event_1 = bid_event(1);
        let mut old = item(&event_1, &bid_of(&event_1));
        old.remove(BUY_NOW).expect("it is new");
        assert_eq!(event(&old).map(|(event, _)| event), Ok(event_1));
        // It wrote the price and its step, even above what can be bid.
        let above = (gavel_core::limits::AMOUNT_MAX + 100).to_string();
        old.insert(MINIMUM.to_owned(), AttributeValue::N(above));
        assert_eq!(event(&old).map(|(_, bid)| bid.minimum_next), Ok(None));
    }

    #[test]
    fn a_corrupt_item_is_named_by_its_attribute() {
        let event_1 = bid_event(1);
        for name in ["seq", "status", BID, "extended", "amount"] {
            let mut broken = item(&event_1, &bid_of(&event_1));
            broken.insert(name.to_owned(), AttributeValue::S("?".to_owned()));
            let error = event(&broken).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
