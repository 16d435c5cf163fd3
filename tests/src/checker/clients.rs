//! What bidders were told, against the history: nothing acknowledged is missing, nothing is there
//! that nobody sent, and a repeat gets the first answer.

use std::collections::{BTreeMap, HashMap};

use super::anomaly::Anomaly;
use super::evidence::{Answer, BidCall, Evidence, Receipt, Row};
use super::timeline::{STALE_US_MAX, Senders, Timeline};

/// Checks every answer that says "accepted", and every row.
#[must_use]
pub(super) fn check(
    evidence: &Evidence,
    timeline: &Timeline<'_>,
    senders: &Senders<'_>,
) -> Vec<Anomaly> {
    let mut anomalies = Vec::new();
    for row in &evidence.rows {
        if senders.get(row.bid_id.as_str()).is_none_or(Vec::is_empty) {
            anomalies.push(Anomaly::NobodySent { seq: row.seq, bid_id: row.bid_id.clone() });
        }
    }
    let rows: HashMap<&str, &Row> =
        evidence.rows.iter().map(|row| (row.bid_id.as_str(), row)).collect();
    let mut keys: BTreeMap<(&str, &str), Vec<&BidCall>> = BTreeMap::new();
    for call in &evidence.bids {
        keys.entry((&call.bidder, &call.key)).or_default().push(call);
        if let Answer::Accepted { receipt, .. } = &call.answer {
            match rows.get(receipt.bid_id.as_str()) {
                Some(row) => anomalies.extend(untrue(call, receipt, row)),
                None => {
                    let (seq, bid_id) = (receipt.seq, receipt.bid_id.clone());
                    anomalies.push(Anomaly::Missing { seq, bid_id });
                }
            }
        }
    }
    for calls in keys.into_values() {
        anomalies.extend(repeats(&calls, timeline));
    }
    anomalies
}

/// A least next bid in words.
pub(super) fn minimum(minimum: Option<u64>) -> String {
    minimum.map_or_else(|| "none".to_owned(), |minimum| minimum.to_string())
}

/// In what a receipt differs from its row.
fn untrue(call: &BidCall, receipt: &Receipt, row: &Row) -> Vec<Anomaly> {
    let pairs = [
        ("the bidder", call.bidder.clone(), row.bidder.clone()),
        ("the number", receipt.seq.to_string(), row.seq.to_string()),
        ("the place", receipt.status.clone(), row.status.clone()),
        ("the amount", receipt.amount.to_string(), row.amount.to_string()),
        ("the price", receipt.price.to_string(), row.price.to_string()),
        ("the least next bid", minimum(receipt.minimum_next), minimum(row.minimum_next)),
        ("the buy-now offer", receipt.buy_now_open.to_string(), row.buy_now_open.to_string()),
        ("the end", receipt.ends_at.to_string(), row.ends_at.to_string()),
        ("the moving of the end", receipt.extended.to_string(), row.extended.to_string()),
    ];
    let bid_id = &receipt.bid_id;
    let differing = pairs.into_iter().filter(|(_, told, recorded)| told != recorded);
    differing
        .map(|(what, told, recorded)| Anomaly::Receipt {
            bid_id: bid_id.clone(),
            what,
            told,
            recorded,
        })
        .collect()
}

/// One bidder's requests under one key.
fn repeats(calls: &[&BidCall], timeline: &Timeline<'_>) -> Vec<Anomaly> {
    let accepted: Vec<(&BidCall, bool, &Receipt)> = calls
        .iter()
        .filter_map(|call| match &call.answer {
            Answer::Accepted { repeated, receipt } => Some((*call, *repeated, receipt)),
            _ => None,
        })
        .collect();
    let Some((first, _, receipt)) = accepted.iter().min_by_key(|(call, ..)| call.span.received_us)
    else {
        return Vec::new();
    };
    let key = &first.key;
    let mut anomalies = Vec::new();
    let created = accepted.iter().filter(|(_, repeated, _)| !repeated).count();
    let unknown = calls.iter().filter(|call| call.answer == Answer::Unknown).count();
    if created > 1 || (created == 0 && unknown == 0) {
        let (key, sent) = (key.clone(), calls.len());
        anomalies.push(Anomaly::RepeatNumbers { key, created, sent });
    }
    for (_, _, again) in &accepted {
        if again != receipt {
            let (first, again) = (format!("{receipt:?}"), format!("{again:?}"));
            anomalies.push(Anomaly::RepeatDiffers { key: key.clone(), first, again });
        }
    }
    let offer = (first.amount, first.max);
    for call in calls {
        let asked = (call.amount, call.max);
        let later = call.span.sent_us > first.span.received_us;
        // A worker that has not heard of the bid yet may refuse a lower offer under its key for being low.
        let unheard = call.span.sent_us < first.span.received_us + STALE_US_MAX;
        let excused = |code: &str| unheard && ["bid-too-low", "bid-above-ceiling"].contains(&code);
        // An offer refused as too low cannot be accepted afterwards, nor can one to an auction that
        // is closed, so the refused repeat came after the acceptance, whatever the clocks say. But
        // where only the time was up, the other copy may have been stamped before the end.
        let for_good = |code: &str| match code {
            "bid-too-low" => true,
            "auction-closed" => !timeline.time_up(call.span),
            _ => false,
        };
        match &call.answer {
            Answer::Refused { code, .. } if asked == offer && (later || for_good(code)) => {
                anomalies.push(Anomaly::RepeatRefused { key: key.clone(), code: code.clone() });
            }
            Answer::Refused { code, .. }
                if asked != offer && later && code != "idempotency-conflict" && !excused(code) =>
            {
                anomalies.push(changed(key, offer, asked, code));
            }
            Answer::Refused { code, .. } if code == "idempotency-conflict" && asked == offer => {
                anomalies.push(Anomaly::NoConflict { key: key.clone() });
            }
            Answer::Accepted { .. } if asked != offer => {
                anomalies.push(changed(key, offer, asked, "accepted"));
            }
            _ => {}
        }
    }
    anomalies
}

fn changed(key: &str, accepted: (u64, u64), asked: (u64, u64), answer: &str) -> Anomaly {
    Anomaly::OfferChanged { key: key.to_owned(), accepted, asked, answer: answer.to_owned() }
}
