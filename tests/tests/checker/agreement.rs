//! Two writings of the rules, the checker's and `gavel_core`'s, agree on thousands of random histories.

use fastrand::Rng;
use gavel_tests::checker::evidence::{Answer, Deed};
use gavel_tests::checker::verify;
use serde_json::{Value, json};

use crate::sim::Sim;

/// Histories that are compared; a few seconds' worth.
const HISTORIES: u64 = 3_000;

#[test]
fn the_checker_and_core_agree_on_random_histories() {
    let (mut accepted, mut extended, mut bought, mut in_flight) = (0, 0, 0, 0);
    for seed in 0..HISTORIES {
        let mut rng = Rng::with_seed(seed);
        let request = random_terms(&mut rng);
        let sim = random_history(&request, &mut rng);
        let evidence = sim.end();
        accepted += evidence.rows.len();
        extended += evidence.rows.iter().filter(|row| row.extended).count();
        let pairs = evidence.rows.windows(2);
        in_flight += pairs.filter(|pair| pair[1].placed_at >= pair[0].ends_at).count();
        let buy_now = evidence.rules.buy_now;
        bought += usize::from(buy_now.is_some() && evidence.ending.hammer_price == buy_now);
        if let Err(finding) = verify(&evidence) {
            panic!("seed {seed}, terms {request}: {finding}");
        }
    }
    assert!(accepted > 10_000, "too few bids to mean anything: {accepted}");
    assert!(extended > 300, "too few extensions to mean anything: {extended}");
    assert!(in_flight > 20, "too few in flight at the end to mean anything: {in_flight}");
    assert!(bought > 50, "too few bought outright to mean anything: {bought}");
}

/// Terms with every rule switched on now and then, and amounts so small that ties are frequent.
fn random_terms(rng: &mut Rng) -> Value {
    let start = rng.u64(1..30) * 10;
    let mut terms = json!({"title": "A watch", "starting_price": start, "duration_s": 5,
        "increments": [{"from": 0, "step": rng.u64(1..3) * 5}, {"from": 200, "step": 20},
                       {"from": 500, "step": 50}],
        "soft_close": {"window_s": rng.u64(0..4), "extension_s": rng.u64(0..4),
                       "max_extensions": rng.u64(0..4)}});
    let mut maybe = |name: &str, value: u64| {
        if rng.bool() {
            terms[name] = json!(value);
        }
    };
    maybe("reserve_price", start + 150);
    maybe("buy_now_price", start + 400);
    maybe("bid_ceiling", start + 900);
    maybe("grace_ms", 800);
    terms
}

fn random_history(request: &Value, rng: &mut Rng) -> Sim {
    let mut sim = Sim::new(request);
    sim.bid("ada", 500, 500);
    sim.look();
    sim.act(Deed::Open);
    let mut price = request["starting_price"].as_u64().unwrap();
    let mut paused = false;
    for _ in 0..60 {
        sim.wait(rng.u64(0..200));
        sim.lag_ms = rng.u64(0..100);
        let who = *rng.choice(&["ada", "ben", "cleo", "dan"]).unwrap();
        let who = if rng.u8(0..30) == 0 { "seller" } else { who };
        let amount = price.saturating_sub(10) + rng.u64(0..12) * 5;
        let max = if rng.bool() { amount } else { amount + rng.u64(0..20) * 10 };
        match sim.bid(who, amount.max(1), max.max(1)) {
            Answer::Accepted { receipt, .. } => {
                price = receipt.price;
                if rng.u8(0..4) == 0 {
                    sim.repeat();
                }
            }
            Answer::Refused { code, bound: Some(minimum), .. } if code == "bid-too-low" => {
                price = minimum;
            }
            _ => {}
        }
        if rng.u8(0..3) == 0 {
            sim.look();
        }
        if rng.u8(0..20) == 0 && !sim.closed() && sim.in_time() {
            sim.act(if paused { Deed::Resume } else { Deed::Pause });
            paused = !paused;
        }
    }
    if rng.u8(0..6) == 0 && !sim.closed() && sim.in_time() {
        sim.act(if rng.bool() { Deed::Cancel } else { Deed::Close });
    }
    sim
}
