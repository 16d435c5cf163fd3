//! The smallest part of the evidence that still shows an anomaly, word for word.
//!
//! Rows, bids and reads are taken away in ever smaller pieces (delta debugging) as long as the very
//! same anomaly is still found. Other anomalies may appear meanwhile, such as gaps where rows were
//! taken away; they do not count. Terms, the seller's acts and the result always stay.

use super::anomaly::Anomaly;
use super::evidence::Evidence;

/// One piece of evidence: which list, and where in it.
type Piece = (u8, usize);

/// Takes away all that `anomaly` does not need. `anomaly` is one that is found in `evidence`.
#[must_use]
pub(super) fn smallest(evidence: &Evidence, anomaly: &Anomaly) -> Evidence {
    let shows = |pieces: &[Piece]| super::check(&only(evidence, pieces)).contains(anomaly);
    let lists = [evidence.rows.len(), evidence.bids.len(), evidence.reads.len()];
    let mut pieces: Vec<Piece> = (0_u8..)
        .zip(lists)
        .flat_map(|(list, count)| (0..count).map(move |index| (list, index)))
        .collect();
    let mut size = pieces.len().div_ceil(2);
    while size > 0 {
        let mut start = 0;
        let mut shrunk = false;
        while start < pieces.len() {
            let end = pieces.len().min(start + size);
            let without: Vec<Piece> = [&pieces[..start], &pieces[end..]].concat();
            if shows(&without) {
                pieces = without;
                shrunk = true;
            } else {
                start = end;
            }
        }
        // What one piece needed may be gone now; the smallest size is repeated until it holds.
        size = if size > 1 || !shrunk { size / 2 } else { 1 };
    }
    only(evidence, &pieces)
}

/// The evidence with these pieces only. They are in the order of their lists.
fn only(evidence: &Evidence, pieces: &[Piece]) -> Evidence {
    fn pick<T: Clone>(all: &[T], pieces: &[Piece], list: u8) -> Vec<T> {
        let indices = pieces.iter().filter(|(of, _)| *of == list);
        indices.map(|(_, index)| all[*index].clone()).collect()
    }
    Evidence {
        auction: evidence.auction.clone(),
        rules: evidence.rules.clone(),
        rows: pick(&evidence.rows, pieces, 0),
        bids: pick(&evidence.bids, pieces, 1),
        reads: pick(&evidence.reads, pieces, 2),
        acts: evidence.acts.clone(),
        ending: evidence.ending.clone(),
    }
}
