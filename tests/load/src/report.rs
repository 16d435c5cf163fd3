//! The tables: what a bid costs at each peer, and how that stands to HAProxy's, Envoy's, and that of only forwarding.

use std::fmt::Write as _;

use crate::counts::Counted;
use crate::measure::{Delayed, Measured, Rested};
use crate::peers::Peer;

/// A table of `rows` under `heads`, aligned for people and readable as Markdown.
#[must_use]
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count());
        cells.chain([heads[column].chars().count()]).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..heads.len()).map(width).collect();
    let mut text = String::new();
    let mut line = |cells: &mut dyn Iterator<Item = &str>| {
        for (column, (cell, width)) in cells.zip(&widths).enumerate() {
            // Names and notes to the left, numbers to the right.
            let is_text = column == 0 || column + 1 == heads.len();
            let written = match is_text {
                true => write!(text, "| {cell:<width$} "),
                false => write!(text, "| {cell:>width$} "),
            };
            written.expect("a string takes everything");
        }
        text.push_str("|\n");
    };
    line(&mut heads.iter().copied());
    let rules: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
    line(&mut rules.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(String::as_str));
    }
    text
}

/// The table of one scenario in a closed loop.
#[must_use]
pub fn closed_loop(measured: &[Measured]) -> String {
    let cost_of = |peer: Peer| {
        let found = measured.iter().find(|one| one.peer == peer.title());
        found.map(|one| one.cpu_ns_per_bid)
    };
    let compared = [Peer::Haproxy, Peer::Envoy, Peer::Forwarder, Peer::ForwarderSdk].map(cost_of);
    let row = |one: &Measured| {
        let mut cells = vec![one.peer.to_owned(), tenths(one.cpu_ns_per_bid / 100)];
        cells.extend(compared.map(|of| ratio(one.cpu_ns_per_bid, of)));
        cells.extend([one.bids_per_s.to_string(), one.notes.join("; ")]);
        cells
    };
    let rows: Vec<Vec<String>> = measured.iter().map(row).collect();
    let others = ["× HAProxy", "× Envoy", "× bare forwarder", "× SDK forwarder"];
    let heads = [&["peer", "CPU µs/bid"], &others[..], &["bids/s", "note"]].concat();
    table(&heads, &rows)
}

/// The table of one scenario in an open loop.
#[must_use]
pub fn open_loop(delayed: &[Delayed]) -> String {
    let us = |ns: u64| tenths(ns / 100);
    // Beside the bench's own figures: the difference of two percentiles is not that of the differences.
    let row = |one: &Delayed| {
        let (through, direct) = (&one.through, &one.direct);
        let added = |through: Option<u64>, direct: Option<u64>| match (through, direct) {
            (Some(through), Some(direct)) => us(through.saturating_sub(direct)),
            _ => "–".to_owned(),
        };
        vec![
            one.peer.to_owned(),
            one.rate_per_s.to_string(),
            added(through.p50_ns, direct.p50_ns),
            added(through.p99_ns, direct.p99_ns),
            added(through.p999_ns, direct.p999_ns),
            direct.p50_ns.map_or_else(|| "–".to_owned(), us),
            direct.p99_ns.map_or_else(|| "–".to_owned(), us),
            direct.p999_ns.map_or_else(|| "–".to_owned(), us),
            one.notes.join("; "),
        ]
    };
    let heads =
        ["peer", "bids/s", "added p50 µs", "p99", "p99.9", "direct p50 µs", "p99", "p99.9", "note"];
    table(&heads, &delayed.iter().map(row).collect::<Vec<_>>())
}

/// What limits let through.
#[must_use]
pub fn counts(counted: &[Counted]) -> String {
    let row = |one: &Counted| {
        let (admitted, quota) = (i128::from(one.admitted), i128::from(one.quota.max(1)));
        let hundredths = (admitted - quota) * 10_000 / quota;
        let sign = if hundredths < 0 { "-" } else { "+" };
        let size = hundredths.unsigned_abs();
        vec![
            one.peer.to_owned(),
            one.keys.to_string(),
            tenths(one.took_ms / 100),
            one.answered.to_string(),
            one.admitted.to_string(),
            one.quota.to_string(),
            format!("{sign}{}.{:02} %", size / 100, size % 100),
            one.notes.join("; "),
        ]
    };
    let heads = ["peer", "users", "s", "sent", "admitted", "quota", "over", "note"];
    table(&heads, &counted.iter().map(row).collect::<Vec<_>>())
}

/// The memory of each peer, and how long it took to start.
#[must_use]
pub fn memory(rested: &[Rested]) -> String {
    let mib = |kib: u64| tenths(kib * 10 / 1_024);
    let row = |one: &Rested| {
        vec![
            one.peer.to_owned(),
            one.ready_after_ms.to_string(),
            mib(one.at_start.resident_kib),
            mib(one.at_end.resident_kib),
            mib(one.at_end.peak_kib),
            String::new(),
        ]
    };
    let heads = ["peer", "first bid after ms", "MiB at start", "at the end", "at most", "note"];
    table(&heads, &rested.iter().map(row).collect::<Vec<_>>())
}

/// A number of tenths as people write it.
#[must_use]
pub fn tenths(number: u64) -> String {
    format!("{}.{}", number / 10, number % 10)
}

/// `cost` as a multiple of `of`, to hundredths.
fn ratio(cost: u64, of: Option<u64>) -> String {
    match of {
        Some(of) if of > 0 => {
            let hundredths = (cost * 100 + of / 2) / of;
            format!("{}.{:02}", hundredths / 100, hundredths % 100)
        }
        _ => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_rounded_and_missing_where_there_is_nothing_to_compare_with() {
        assert_eq!(ratio(150, Some(100)), "1.50");
        assert_eq!(ratio(2, Some(3)), "0.67");
        assert_eq!(ratio(3_000, Some(80)), "37.50");
        assert_eq!(ratio(1, None), "–");
        assert_eq!(ratio(1, Some(0)), "–");
        assert_eq!(tenths(745), "74.5");
    }

    #[test]
    fn a_cost_is_told_as_a_multiple_of_only_forwarding() {
        let measured = |peer: Peer, cpu_ns_per_bid| Measured {
            peer: peer.title(),
            cpu_ns_per_bid,
            bids_per_s: 1,
            busy_percent: 100,
            bench_ns_per_bid: 1,
            answers: std::collections::BTreeMap::new(),
            notes: Vec::new(),
        };
        let ratios = |all: &[Measured]| {
            let table = closed_loop(all);
            let cells = |line: usize| table.lines().nth(line).unwrap().split('|').map(str::trim);
            let told = cells(0).zip(cells(2)).filter(|(head, _)| head.ends_with("forwarder"));
            told.map(|(_, cell)| cell.to_owned()).collect::<Vec<_>>()
        };
        let edge = measured(Peer::GavelHostSpinReuse, 60_000);
        assert_eq!(ratios(std::slice::from_ref(&edge)), ["–", "–"]);
        let (bare, sdk) = (measured(Peer::Forwarder, 40_000), measured(Peer::ForwarderSdk, 80_000));
        assert_eq!(ratios(&[edge, bare, sdk]), ["1.50", "0.75"]);
    }

    #[test]
    fn what_a_limit_let_through_is_told_in_percent_of_the_quota() {
        let line = |admitted| {
            let notes = Vec::new();
            let counted = Counted {
                peer: "x",
                keys: 1,
                took_ms: 60_000,
                answered: 9_999,
                admitted,
                quota: 620,
                notes,
            };
            counts(&[counted]).lines().last().unwrap().to_owned()
        };
        assert!(line(620).contains("+0.00 %"));
        assert!(line(626).contains("+0.96 %"));
        assert!(line(617).contains("-0.48 %"));
    }

    #[test]
    fn a_table_is_aligned_by_its_widest_cells() {
        let rows = [vec!["Spin".to_owned(), "7".to_owned(), "µ".to_owned()]];
        let expected = "| peer | µs/bid | n |\n| ---- | ------ | - |\n| Spin |      7 | µ |\n";
        assert_eq!(table(&["peer", "µs/bid", "n"], &rows), expected);
    }
}
