//! What an anomaly prints: the smallest history that shows it, and nothing else.

use fastrand::Rng;
use gavel_tests::checker::evidence::Evidence;
use gavel_tests::checker::{Anomaly, check, verify};
use serde_json::json;

use crate::sim::Sim;

/// A long duel of five people, with a tie somewhere in the middle.
fn long_history() -> Evidence {
    let mut sim = Sim::open(&json!({"title": "A watch", "starting_price": 100, "duration_s": 60,
        "increments": [{"from": 0, "step": 10}]}));
    let mut rng = Rng::with_seed(7);
    let people = ["ada", "ben", "cleo", "dan", "eve"];
    for round in 1..=200_u64 {
        let who = people[rng.usize(0..people.len())];
        sim.bid(who, round * 100, round * 100 + rng.u64(0..5) * 10);
        sim.look();
    }
    sim.bid_as("lead", "ada", 30_000, 40_000);
    sim.bid_as("tie", "ben", 40_000, 40_000);
    for round in 500..=600 {
        sim.bid(people[rng.usize(0..people.len())], round * 100, round * 100);
    }
    sim.end()
}

#[test]
fn a_flipped_tie_is_shown_by_the_two_bids_that_tie() {
    let mut evidence = long_history();
    assert!(verify(&evidence).is_ok());
    let tie = evidence.rows.iter_mut().find(|row| row.amount == 40_000).unwrap();
    tie.status = "leading".to_owned();
    let seq = tie.seq;
    let finding = verify(&evidence).unwrap_err();
    assert!(matches!(finding.anomaly, Anomaly::Wrong { seq: s, .. } if s == seq), "{finding}");
    let smallest = &finding.smallest;
    assert_eq!(smallest.rows.iter().map(|row| row.seq).collect::<Vec<_>>(), [seq - 1, seq]);
    assert_eq!((smallest.bids.len(), smallest.reads.len()), (0, 0));
    let shown = finding.to_string();
    for part in ["bidder's place", "ada offers 30000 up to 40000", "ben offers 40000", "terms"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(shown.lines().count() < 10, "{shown}");
}

#[test]
fn what_is_left_still_shows_the_very_anomaly_and_needs_every_piece() {
    let mut evidence = long_history();
    evidence.reads[120].price = Some(1);
    let finding = verify(&evidence).unwrap_err();
    assert!(check(&finding.smallest).contains(&finding.anomaly));
    let smallest = &finding.smallest;
    for index in 0..smallest.rows.len() {
        let mut less = smallest.clone();
        less.rows.remove(index);
        assert!(!check(&less).contains(&finding.anomaly), "row {index} is not needed: {finding}");
    }
    for index in 0..smallest.bids.len() {
        let mut less = smallest.clone();
        less.bids.remove(index);
        assert!(!check(&less).contains(&finding.anomaly), "bid {index} is not needed: {finding}");
    }
}
