//! Telling people of their auctions: outbid, won, lost, sold, ended, cancelled, opened.
//!
//! Three steps that know only each other's rows. The consumer reads events from the notification queue
//! and writes who is told what, one row a person and event whatever is delivered twice. The sender
//! sends what is due: by e-mail, SMS or push, as each person wants it. The feedback consumer hears of
//! addresses that mail came back from. Nothing here decides anything about an auction, and no address
//! is kept or logged.

mod consumer;
mod directory;
mod feedback;
mod links;
mod money;
mod plan;
mod post;
mod sender;
mod store;
mod templates;

pub use self::consumer::Consumer;
pub use self::directory::Directory;
pub use self::feedback::FeedbackConsumer;
pub use self::links::Links;
pub use self::post::Post;
pub use self::sender::Sender;
pub use self::store::Notifications;
