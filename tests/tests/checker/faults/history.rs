//! Rows that are missing, doubled, out of place, or of nobody.

use super::*;

#[test]
fn a_skipped_sequence_number_is_found() {
    let skip =
        |evidence: &mut Evidence| (4..=6).for_each(|n| forge(evidence, n, |row| row.seq += 1));
    finds(skip, |anomaly| *anomaly == Anomaly::Gap { after: 3, found: 5 });
}

#[test]
fn a_dropped_history_row_is_found() {
    let finding = finds(
        |evidence| drop(evidence.rows.remove(2)),
        |anomaly| *anomaly == Anomaly::Gap { after: 2, found: 4 },
    );
    assert_eq!(finding.smallest.rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [2, 4]);
}

#[test]
fn a_dropped_last_row_is_found() {
    let finding = finds(
        |evidence| drop(evidence.rows.pop()),
        |anomaly| matches!(anomaly, Anomaly::Missing { seq: 6, .. }),
    );
    assert_eq!((finding.smallest.rows.len(), finding.smallest.bids.len()), (0, 1));
}

#[test]
fn a_doubled_bid_is_found() {
    let double = |evidence: &mut Evidence| {
        let last = evidence.rows.last().unwrap().clone();
        let (seq, position, stamp) = (last.seq + 1, last.position + 1, last.stamp + 1);
        evidence.rows.push(Row { seq, position, stamp, ..last });
    };
    finds(double, |anomaly| matches!(anomaly, Anomaly::Doubled { first: 6, again: 7, .. }));
}

#[test]
fn a_row_that_no_client_sent_is_found() {
    let finding = finds(
        |evidence| evidence.bids.retain(|bid| bid.key != "tie"),
        |anomaly| matches!(anomaly, Anomaly::NobodySent { seq: 3, .. }),
    );
    assert_eq!((finding.smallest.rows.len(), finding.smallest.bids.len()), (1, 0));
}

#[test]
fn a_stamp_that_does_not_rise_is_found() {
    finds(
        |evidence| evidence.rows[3].stamp = evidence.rows[2].stamp,
        |anomaly| matches!(anomaly, Anomaly::Stamp { seq: 4, .. }),
    );
}

#[test]
fn a_new_epoch_without_a_cause_is_found() {
    finds(
        |evidence| evidence.rows[5].epoch += 1,
        |anomaly| matches!(anomaly, Anomaly::Epoch { seq: 6, .. }),
    );
}

#[test]
fn an_event_that_nobody_accounts_for_is_found() {
    finds(
        |evidence| evidence.rows[5].position += 1,
        |anomaly| *anomaly == Anomaly::Unaccounted { after: 6, found: 8 },
    );
}
