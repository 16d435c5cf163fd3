//! A (small) history as a table, for people to read.

use std::fmt;

use super::clients::minimum;
use super::evidence::{Answer, Evidence, Span};

/// Shows all of it: best given what is left after shrinking.
pub(super) struct Table<'a>(pub(super) &'a Evidence);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Evidence { rules, rows, bids, reads, acts, ending, .. } = self.0;
        writeln!(f, "  terms   {rules:?}")?;
        for act in acts {
            let (span, deed, end) = (Moment(act.span), act.deed, act.ends_at);
            writeln!(f, "  seller  {span} {deed:?} at place {}, end {end:?}", act.position)?;
        }
        for row in rows {
            let extended = if row.extended { " (moved)" } else { "" };
            writeln!(
                f,
                "  row     #{} at {} {} offers {} up to {}: {}, price {}, next {}, end {}{extended}",
                row.seq,
                row.placed_at,
                row.bidder,
                row.amount,
                row.max,
                row.status,
                row.price,
                minimum(row.minimum_next),
                row.ends_at,
            )?;
        }
        for bid in bids {
            let (span, bidder, amount, max) = (Moment(bid.span), &bid.bidder, bid.amount, bid.max);
            write!(f, "  client  {span} {bidder} ({}) offers {amount} up to {max}: ", bid.key)?;
            match &bid.answer {
                Answer::Unknown => writeln!(f, "no answer")?,
                Answer::Refused { status, code, bound } => {
                    writeln!(
                        f,
                        "{status} {code} {}",
                        bound.map_or_else(String::new, |m| m.to_string())
                    )?;
                }
                Answer::Accepted { repeated, receipt } => {
                    let status = if *repeated { 200 } else { 201 };
                    writeln!(
                        f,
                        "{status} #{} {}, price {}",
                        receipt.seq, receipt.status, receipt.price
                    )?;
                }
            }
        }
        for read in reads {
            let span = Moment(read.span);
            let (status, seq, price, leader) = (&read.status, read.seq, read.price, &read.leader);
            writeln!(f, "  look    {span} {status} #{seq} price {price:?} leader {leader:?}")?;
        }
        write!(f, "  result  {ending:?}")
    }
}

/// When something was sent and answered, in milliseconds of the clients' clock.
struct Moment(Span);

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: u64| format!("{}.{:03}", us / 1_000, us % 1_000);
        write!(f, "{}–{} ms", ms(self.0.sent_us), ms(self.0.received_us))
    }
}
