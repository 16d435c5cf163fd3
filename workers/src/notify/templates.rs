//! What messages say: templates in files, filled in. Values in HTML are escaped, always: titles are
//! what strangers typed.

use gavel_core::ids::{AuctionId, UserId};
use gavel_core::money::Currency;
use gavel_core::time::Timestamp;
use minijinja::{Environment, UndefinedBehavior, context};
use serde::Serialize;

use super::links::Links;
use super::money;
use super::plan::{Facts, Kind};
use crate::limits::SUBJECT_TITLE_CHARS_MAX;

macro_rules! files {
    ($($kind:literal)*) => {
        [$(
            (concat!($kind, ".subject"), include_str!(concat!("templates/", $kind, ".subject"))),
            (concat!($kind, ".txt"), include_str!(concat!("templates/", $kind, ".txt"))),
            (concat!($kind, ".html"), include_str!(concat!("templates/", $kind, ".html"))),
        )*
            ("layout.txt", include_str!("templates/layout.txt")),
            ("layout.html", include_str!("templates/layout.html")),
        ]
    };
}

const FILES: [(&str, &str); 23] = files!["outbid" "won" "lost" "sold" "ended" "cancelled" "opened"];

/// The templates, parsed.
#[derive(Debug)]
pub(super) struct Templates {
    environment: Environment<'static>,
    links: Links,
}

/// What is told, to whom, of what.
pub(super) struct Subject<'a> {
    pub(super) kind: Kind,
    pub(super) user: &'a UserId,
    pub(super) auction: &'a AuctionId,
    pub(super) title: &'a str,
    pub(super) currency: Currency,
    pub(super) facts: &'a Facts,
}

/// A message, ready to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) text: String,
    pub(super) html: String,
    /// For SMS and push: the subject, which names the lot, and where to look.
    pub(super) short: String,
    pub(super) unsubscribe_url: String,
    /// What all messages about one lot to one person have in common, and no others: the left part of
    /// a message id (RFC 5322, section 3.6.4). Made of ids, never of what somebody typed.
    pub(super) thread: String,
}

#[derive(Serialize)]
struct Values<'a> {
    title: &'a str,
    /// The title and the reference, short enough for a subject.
    lot: String,
    reference: &'a str,
    price: Option<String>,
    ends_at: Option<String>,
    auction_url: String,
    unsubscribe_url: String,
}

impl Templates {
    /// All of them, with these links. The error is a template that is not one.
    pub(super) fn new(links: Links) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_trim_blocks(true);
        for (name, source) in FILES {
            environment.add_template(name, source)?;
        }
        Ok(Self { environment, links })
    }

    /// The message about `subject`.
    pub(super) fn message(&self, subject: &Subject<'_>) -> Result<Message, minijinja::Error> {
        let Subject { kind, user, auction, title, currency, facts } = *subject;
        let money = |amount: Option<_>| amount.map(|amount| money::shown(amount, currency));
        let reference = reference(auction);
        let values = Values {
            title,
            lot: format!("{} (lot {reference})", shortened(title)),
            reference,
            price: money(facts.price),
            ends_at: facts.ends_at.map(minute),
            auction_url: self.links.auction(auction),
            unsubscribe_url: self.links.unsubscribe(user),
        };
        let fill = |part: &str| {
            let template = self.environment.get_template(&format!("{}.{part}", kind.name()))?;
            template.render(context! { ..minijinja::Value::from_serialize(&values) })
        };
        // A line break in a subject would end the header.
        let subject = fill("subject")?.split_whitespace().collect::<Vec<_>>().join(" ");
        Ok(Message {
            short: format!("{subject} {}", values.auction_url),
            subject,
            text: fill("txt")?,
            html: fill("html")?,
            unsubscribe_url: values.unsubscribe_url.clone(),
            thread: format!("{auction}.{}", auction.public_name(user)),
        })
    }
}

/// Digits of an auction's id by which people tell its lot from others: the last ones, which are random.
const REFERENCE_DIGITS: usize = 8;

/// What a lot is called besides its title, which others may have, too: the end of its auction's id,
/// and so of its address.
fn reference(auction: &AuctionId) -> &str {
    let id = auction.as_str();
    id.get(id.len().saturating_sub(REFERENCE_DIGITS)..).unwrap_or(id)
}

/// A title with single spaces and of at most [`SUBJECT_TITLE_CHARS_MAX`] characters.
fn shortened(title: &str) -> String {
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    if title.chars().count() <= SUBJECT_TITLE_CHARS_MAX {
        return title;
    }
    let begin: String = title.chars().take(SUBJECT_TITLE_CHARS_MAX - 1).collect();
    format!("{}…", begin.trim_end())
}

/// A time to the minute, such as `2026-11-23 08:06 UTC`.
fn minute(at: Timestamp) -> String {
    let text = at.to_string();
    let (date, time) = text.split_once('T').unwrap_or((&text, ""));
    format!("{date} {} UTC", time.get(..5).unwrap_or(time))
}

#[cfg(test)]
mod tests {
    use gavel_core::money::Amount;
    use secrecy::SecretString;

    use super::*;

    const LOT: &str = "use1_01928e2c-7f3e-7abc-8def-0123456789ab";

    fn message(kind: Kind, title: &str) -> Message {
        message_about(LOT, "user-1", kind, title)
    }

    fn message_about(auction: &str, user: &str, kind: Kind, title: &str) -> Message {
        let links =
            Links::new("https://bids.example.com".to_owned(), SecretString::from("key"), None);
        let facts = Facts {
            price: Amount::new(123_456),
            ends_at: Some(Timestamp::from_ms(1_795_411_020_000)),
        };
        let subject = Subject {
            kind,
            user: &UserId::parse(user).unwrap(),
            auction: &AuctionId::parse(auction).unwrap(),
            title,
            currency: Currency::USD,
            facts: &facts,
        };
        Templates::new(links).unwrap().message(&subject).unwrap()
    }

    #[test]
    fn every_kind_has_a_subject_a_text_and_html_with_a_way_out() {
        for kind in Kind::ALL {
            let made = message(kind, "A walnut desk");
            assert!(made.subject.contains("A walnut desk"), "{made:?}");
            for body in [&made.text, &made.html] {
                assert!(body.contains("A walnut desk") && body.contains("unsubscribe"), "{body}");
                // A slash is escaped in HTML, too.
                let body = body.replace("&#x2f;", "/");
                assert!(body.contains("https://bids.example.com/v1/auctions/use1_"), "{body}");
            }
        }
        let outbid = message(Kind::Outbid, "A walnut desk");
        assert!(outbid.text.contains("USD 1,234.56"), "{}", outbid.text);
    }

    #[test]
    fn two_lots_with_one_title_are_told_apart_and_never_in_one_thread() {
        let other = "use1_01928e2c-7f3e-7abc-8def-0123456789ff";
        let long = "A walnut desk ".repeat(20);
        for kind in Kind::ALL {
            for title in ["A walnut desk", &long] {
                let [one, another] =
                    [LOT, other].map(|auction| message_about(auction, "user-1", kind, title));
                assert_ne!(one.subject, another.subject);
                assert!(one.subject.ends_with(" (lot 456789ab)"), "{}", one.subject);
                assert!(one.short.starts_with(&one.subject), "{}", one.short);
                for body in [&one.text, &one.html] {
                    assert!(body.contains("lot 456789ab"), "{body}");
                }
                assert_ne!(one.thread, another.thread);
                assert_eq!(one.thread, message(Kind::Outbid, "Whatever").thread);
                assert_ne!(one.thread, message_about(LOT, "user-2", kind, title).thread);
            }
        }
    }

    #[test]
    fn a_long_title_is_cut_in_a_subject_by_characters_and_whole_in_the_text() {
        let fits = "é".repeat(SUBJECT_TITLE_CHARS_MAX);
        assert_eq!(message(Kind::Sold, &fits).subject, format!("Sold: {fits} (lot 456789ab)"));
        let long = format!("{fits}é");
        let made = message(Kind::Sold, &long);
        let cut = "é".repeat(SUBJECT_TITLE_CHARS_MAX - 1);
        assert_eq!(made.subject, format!("Sold: {cut}… (lot 456789ab)"));
        assert!(made.text.contains(&long), "{}", made.text);
        for kind in Kind::ALL {
            let subject = message(kind, &long).subject;
            assert!(subject.chars().count() < 100, "{subject}");
        }
    }

    #[test]
    fn a_hostile_title_is_text_in_html_and_one_line_in_a_subject() {
        let hostile = "<script>alert('x')</script>\r\nBcc: all@example.com & \"more\"";
        for kind in Kind::ALL {
            let made = message(kind, hostile);
            assert!(!made.html.contains("<script"), "{}", made.html);
            assert!(made.html.contains("&lt;script&gt;"), "{}", made.html);
            assert!(!made.subject.contains(['\r', '\n']), "{:?}", made.subject);
            assert!(made.text.contains("<script>"), "plain text stays as typed: {}", made.text);
        }
    }
}
