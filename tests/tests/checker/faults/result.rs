//! A result that is not the one of the history.

use super::*;

#[test]
fn a_winner_that_is_not_the_highest_maximum_is_found() {
    let ending = |anomaly: &Anomaly| matches!(anomaly, Anomaly::Ending { .. });
    finds(|evidence| evidence.ending.winner = Some("cleo".to_owned()), ending);
    finds(|evidence| evidence.ending.winner = None, ending);
    finds(|evidence| evidence.ending.outcome = Some("unsold".to_owned()), ending);
    finds(|evidence| evidence.ending.hammer_price = Some(490), ending);
    finds(|evidence| evidence.ending.bid_count -= 1, ending);
    finds(|evidence| evidence.ending.price = None, ending);
    finds(|evidence| evidence.ending.winning_bid = Some(evidence.rows[3].bid_id.clone()), ending);
    finds(|evidence| *evidence.ending.closed_at.as_mut().unwrap() -= 1_000, ending);
    finds(|evidence| evidence.rules.reserve = Some(501), |_| true);
}
