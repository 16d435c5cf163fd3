//! Every bound of the worker tier, named with its unit and the reason for the number.

use std::time::Duration;

// ---- configuration -------------------------------------------------------------------------------

/// Shortest key that signs identities or links, in characters: 256 bits of hex is 64, of base64 44.
pub(crate) const KEY_CHARS_MIN: usize = 32;

// ---- ledger -------------------------------------------------------------------------------------

/// Requests waiting for one auction, sixteen batches of them; beyond it, saying "busy" at once is kinder
/// than to let them wait.
pub(crate) const MAILBOX_DEPTH_MAX: usize = 2_048;
/// Requests decided and committed in one Redis call. A script of 128 events runs well under 10 ms,
/// so no other auction of the shard waits long.
pub(crate) const BATCH_JOBS_MAX: usize = 128;
/// Auctions one worker keeps in memory at once; each costs a task and its cached bid ids.
pub(crate) const ACTIVE_AUCTIONS_MAX: usize = 10_000;
/// How long an auction nobody asks for stays in memory.
pub(crate) const AUCTION_IDLE_MAX: Duration = Duration::from_secs(60);
/// Accepted bid ids cached for one auction; past it they are read from Redis once a batch.
pub(crate) const CACHED_IDS_MAX: usize = 20_000;
/// Age at which a cached state stops proving refusals. It bounds how long a new epoch, which this
/// worker did not write, can go unnoticed.
pub(crate) const CACHE_AGE_MAX: Duration = Duration::from_secs(1);
/// Age at which the offset to the Redis clock is measured again: quartz drifts < 0.1 ms in 1 s.
pub(crate) const CLOCK_AGE_MAX: Duration = Duration::from_secs(1);
/// How often the server's clock is asked for what goes by seconds: quartz drifts < 5 ms in so long, and a
/// machine that was suspended is right again after it.
pub(crate) const ROUGH_CLOCK_EVERY: Duration = Duration::from_secs(30);
/// How far a decision's time may be from Redis's when it is committed, in milliseconds. A batch
/// commits within a few; a worker that was frozen in between has to decide again.
pub(crate) const SKEW_MS_MAX: u64 = 500;
/// Times a batch is decided again after another worker was faster, before answering "busy". Eight
/// workers on one auction lose at most a few races in a row.
pub(crate) const REDECIDE_ATTEMPTS_MAX: u32 = 32;
/// Times a batch is decided again because Redis got it too late, before answering "busy". One is for a
/// worker that was frozen; two in a row are a Redis whose queue is longer than [`SKEW_MS_MAX`], where
/// every further try only makes it longer.
pub(crate) const SKEWED_ATTEMPTS_MAX: u32 = 2;
/// Pause before the next try after Redis got a batch too late, so that its queue gets shorter; with it
/// there is still time for a second try within [`DECISION_MAX`].
pub(crate) const SKEW_PAUSE: Duration = Duration::from_millis(100);
/// Longest wait for one Redis reply. Redis answers in under a millisecond or is in trouble.
pub(crate) const REDIS_RESPONSE_MAX: Duration = Duration::from_secs(2);
/// Longest wait for a Redis connection.
pub(crate) const REDIS_CONNECT_MAX: Duration = Duration::from_secs(2);
/// Longest a call to Redis may take in all, with waiting for a connection and with redirects. Below
/// [`DECISION_MAX`], so that a sequencer mostly knows of the trouble before its callers give up.
pub(crate) const REDIS_CALL_MAX: Duration = Duration::from_millis(2_500);
/// Times a command is sent elsewhere because a node of the cluster says so; with [`REDIRECT_PAUSE`]
/// nearly as long as a call may take, which is how long a slot's move may keep a bid waiting.
pub(crate) const REDIRECTS_MAX: u32 = 48;
/// Redirects followed without a pause: one by an old map, one into a slot that is being moved.
pub(crate) const REDIRECTS_AT_ONCE_MAX: u32 = 2;
/// Pause before a command is sent again whose slot is being moved; a move of a slot takes about as long.
pub(crate) const REDIRECT_PAUSE: Duration = Duration::from_millis(50);
/// Age at which the map of slots is asked for again without any sign of a change.
pub(crate) const TOPOLOGY_AGE_MAX: Duration = Duration::from_secs(30);
/// Pause between two looks at the map of slots, so that a lost node's callers cause few of them.
pub(crate) const TOPOLOGY_PAUSE: Duration = Duration::from_millis(250);
/// Longest wait for a decision, mailbox included; with [`ACKNOWLEDGE_MAX`] below the API's limit. Later
/// than that nothing is committed for who waited, by Redis's own clock.
pub(crate) const DECISION_MAX: Duration = Duration::from_secs(3);
/// Longest wait for an accepted bid to reach the acknowledgement level.
pub(crate) const ACKNOWLEDGE_MAX: Duration = Duration::from_secs(3);
/// How often a waiting acknowledgement looks for itself, in case a wake-up was lost.
pub(crate) const ACKNOWLEDGE_POLL: Duration = Duration::from_millis(100);
/// Silence after which the wake-up subscription is made anew; polling covers the gap. The node is asked
/// after half of it whether it is there, two commands a second, and answers in under a millisecond; so
/// long can wake-ups be missed without anybody's knowing.
pub(crate) const WAKE_SILENCE_MAX: Duration = Duration::from_secs(1);
/// Events read from a log to catch up; who is further behind loads the state, which is one call.
pub(crate) const CATCH_UP_EVENTS_MAX: usize = 1_000;

/// How often each node's memory is measured: 5,000 accepted bids a second that are not relayed take
/// 25 MB in this time, half of what is left of the smallest node when new ones begin to be refused.
pub(crate) const MEMORY_TICK: Duration = Duration::from_secs(2);

// ---- relay --------------------------------------------------------------------------------------

/// Outbox entries read in one call.
pub(crate) const OUTBOX_ENTRIES_MAX: usize = 1_000;
/// Entries of one auction that a relay holds in memory: some messages, so that it reads about as much as it
/// sends.
pub(crate) const LINE_ENTRIES_MAX: usize = 1_000;
/// Entries of one outbox that a relay holds in memory, beyond which it reads no more: of ten auctions with
/// long lines, about 6 MB. It may be one read more.
pub(crate) const WAITING_ENTRIES_MAX: usize = 10_000;
/// Messages in one SQS batch call; SQS's own limit.
pub(crate) const SQS_BATCH_MESSAGES_MAX: usize = 10;
/// Bytes of one message: ten of them stay under SQS's 1 MiB for a batch.
pub(crate) const MESSAGE_BYTES_MAX: usize = 100_000;
/// Events in one message, so that the consumer's 25-item writes stay few for each.
pub(crate) const MESSAGE_EVENTS_MAX: usize = 200;
/// How often outboxes are looked at, in case a wake-up was lost: so much later is a bid acknowledged then.
/// One command a shard, which is 32 a second for the usual eight.
pub(crate) const OUTBOX_POLL: Duration = Duration::from_millis(250);
/// How long a relay owns a shard without renewing; it renews while it works. Bids of a crashed relay's
/// shard wait this long for the next one, so it is well below [`ACKNOWLEDGE_MAX`].
pub(crate) const RELAY_LEASE: Duration = Duration::from_millis(1_200);
/// How often it renews while it waits for SQS, which may take [`SQS_SEND_MAX`]: so that one renewal may
/// get lost.
pub(crate) const RELAY_RENEW_EVERY: Duration = Duration::from_millis(400);
/// Events that wait for the notification queue, in all shards together, which have equal parts of it:
/// some 100 MB of Redis. The oldest are dropped beyond, so that news for people never takes the memory
/// that bids need.
pub(crate) const MESSAGES_WAITING_MAX: u32 = 200_000;
/// How often the outboxes are measured; well below the minute at which metrics are usually collected.
pub(crate) const BACKLOG_TICK: Duration = Duration::from_secs(2);
/// First pause between two tries after a failure: SQS throttles by the second.
pub(crate) const RETRY_PAUSE_MIN: Duration = Duration::from_millis(50);
/// Longest pause between two tries after a failure.
pub(crate) const RETRY_PAUSE_MAX: Duration = Duration::from_secs(2);

// ---- timer --------------------------------------------------------------------------------------

/// How often a shard's deadlines are looked at while wake-ups are not heard, and at most because of them;
/// well inside the 250 ms an idle machine may be late.
pub(crate) const TIMER_TICK: Duration = Duration::from_millis(50);
/// How often they are looked at while wake-ups are heard and nothing is due; two commands a shard. Well
/// below the five seconds that the shortest auction lasts, so that no end is unknown when it comes.
pub(crate) const TIMER_NET: Duration = Duration::from_secs(1);
/// How much later a timer looks, by chance, than when it could: longer than it takes to close an auction,
/// so that several seldom try the same one, and shorter than [`TIMER_TICK`].
pub(crate) const TIMER_SPREAD: Duration = Duration::from_millis(20);
/// Longest pause between two tries to look at a shard's deadlines: when it is back, nothing there should
/// close much later for it.
pub(crate) const LOOK_PAUSE_MAX: Duration = Duration::from_millis(500);
/// How long the worst lateness is kept for whoever collects metrics, at least; at most twice that.
pub(crate) const LATENESS_KEPT: Duration = Duration::from_secs(60);
/// How often the catalogue is asked what opens now while wake-ups are not heard, and at most because of
/// them: what is scheduled for at once opens at most this late. The questions are two small index reads.
pub(crate) const OPENING_TICK: Duration = Duration::from_millis(200);
/// How often it is asked while wake-ups are heard and nothing is to open before.
pub(crate) const OPENING_NET: Duration = Duration::from_secs(1);
/// The same of opening, which takes longer, as the catalogue has a part in it.
pub(crate) const OPENING_SPREAD: Duration = Duration::from_millis(50);
/// How long after its time an auction is opened: what a shard's clock, estimated in whole milliseconds,
/// may be behind. Asked a moment too early, it would refuse, and open only after another
/// [`OPENING_TICK`].
pub(crate) const OPENING_LAG: Duration = Duration::from_millis(5);
/// Auctions opened or recorded at once by one worker, or closed in one shard; each waits on Redis and
/// PostgreSQL, not on the CPU.
pub(crate) const AUCTIONS_AT_ONCE_MAX: usize = 16;
/// Due auctions handled in one look at one shard, besides those that are left alone for now.
pub(crate) const DUE_AUCTIONS_MAX: usize = 100;
/// Auctions of one list that are left alone for now because something failed with them, at most: each
/// look reads over them, which is some 60 bytes each. With more, the last ones are tried at every look.
pub(crate) const SKIPPED_AUCTIONS_MAX: usize = 1_000;
/// Longest pause between two tries to close an auction: what is due and was in trouble closes so late at
/// most once that has passed.
pub(crate) const CLOSE_PAUSE_MAX: Duration = Duration::from_secs(2);
/// Longest pause between two tries to open an auction or to record its result. So much later it is done
/// when the trouble has passed; and a thousand in trouble make a hundred tries a second.
pub(crate) const FOLLOW_PAUSE_MAX: Duration = Duration::from_secs(10);

// ---- process ------------------------------------------------------------------------------------

/// Longest a role may take to finish what it has at hand after SIGTERM.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(10);
/// How often samples of histograms are sorted into their buckets: each takes 16 bytes until then, which is
/// some megabytes at the most requests there are.
pub(crate) const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// Longest wait for a connection to an AWS service.
pub(crate) const AWS_CONNECT_MAX: Duration = Duration::from_secs(2);
/// Longest send to SQS, retries included. Bids wait for it, and they wait at most 3 s.
pub(crate) const SQS_SEND_MAX: Duration = Duration::from_secs(3);
/// Longest receive from SQS, retries included; a third of it, which one try may take, is more than a poll
/// with [`SQS_CALL_MAX`] on top.
pub(crate) const SQS_RECEIVE_MAX: Duration = Duration::from_secs(75);
/// Longest call to DynamoDB, retries included; the API answers within 7 s.
pub(crate) const DYNAMODB_CALL_MAX: Duration = Duration::from_secs(5);
/// Shards a deployment may have; each costs a relay task.
pub(crate) const SHARDS_MAX: u16 = 256;
/// Channels kept ready of either kind. At IVS's five calls a second a hundred take 20 s to make, and each
/// counts against the account's quota.
pub(crate) const VIDEO_POOL_MAX: u32 = 100;

// ---- catalog ------------------------------------------------------------------------------------

/// Connections to PostgreSQL that the timer has to itself, made when needed, beside the configured ones: each
/// opens some hundred auctions a second.
pub(crate) const TIMER_CONNECTIONS_MAX: u32 = 3;
/// Longest wait for a free connection to PostgreSQL; with [`CATALOG_QUERY_MAX`] inside the API's
/// [`REQUEST_MAX`].
pub(crate) const CATALOG_ACQUIRE_MAX: Duration = Duration::from_secs(2);
/// How long a connection to PostgreSQL is trusted after its last use. One that has been idle for longer
/// is tried first, so that an old one which died costs nobody an error; one that died just now costs
/// its next user one. At rest connections take turns of a few seconds, each of which was a trial else.
pub(crate) const CATALOG_TRUSTED: Duration = Duration::from_secs(5);
/// Longest a statement may run, on PostgreSQL's own clock. Every query here is one indexed row or
/// page, and answers in milliseconds or is in trouble.
pub(crate) const CATALOG_STATEMENT_MAX: Duration = Duration::from_secs(3);
/// Longest wait for the catalogue in all, also when the connection is dead and nobody says so.
pub(crate) const CATALOG_QUERY_MAX: Duration = Duration::from_secs(5);
/// Texts on one page of auctions, in bytes. The edge relays 1.5 MiB; quoting in JSON at most doubles
/// texts, and 100 auctions' terms are under 300 KB.
pub(crate) const PAGE_TEXT_BYTES_MAX: usize = 524_288;

// ---- users --------------------------------------------------------------------------------------

/// Made-up names tried for one profile: even a million people take one in 4,000.
pub(crate) const NAME_ATTEMPTS_MAX: u32 = 5;
/// Names read at once to be given their keys: some 50 KB, and seldom asked for.
pub(crate) const NAMES_KEYED_AT_ONCE_MAX: i64 = 500;
/// Users remembered by one process in each of two generations, and deleted ones besides; each takes
/// about 150 bytes.
pub(crate) const SEEN_USERS_MAX: usize = 50_000;
/// Age of a generation: an account that was deleted elsewhere may change things here for twice that.
pub(crate) const SEEN_MAX_AGE: Duration = Duration::from_secs(30);
/// When a profile that was asked for and did not come is asked for again.
pub(crate) const SEEN_ASK_AGAIN: Duration = Duration::from_secs(5);
/// Newcomers waiting for their profiles; with more, the next request of somebody tries again.
pub(crate) const NEWCOMERS_WAITING_MAX: usize = 4_096;
/// Profiles made in one statement; a few milliseconds.
pub(crate) const NEWCOMERS_BATCH_MAX: usize = 500;
/// Pause after profiles could not be made.
pub(crate) const GREETING_PAUSE: Duration = Duration::from_secs(1);
/// How long the answer to whoever replaced their device waits for SNS to forget the one before.
pub(crate) const FORGET_MAX: Duration = Duration::from_secs(1);
/// How often accounts are looked for that are still to be deleted, besides at once.
pub(crate) const ERASURE_TICK: Duration = Duration::from_secs(5);
/// How long whoever claimed accounts to delete has them to themselves: longer than a round of calls
/// that are answered. When one fails, this is also the pause before the next try.
pub(crate) const ERASURE_CLAIM: Duration = Duration::from_secs(15);
/// Accounts deleted in one round: Cognito takes few such calls a second.
pub(crate) const ERASURES_AT_ONCE_MAX: i64 = 5;
/// Longest call to Cognito or SNS, retries included; the API answers within 7 s.
pub(crate) const ACCOUNT_CALL_MAX: Duration = Duration::from_secs(3);
/// Pages of somebody's own bids looked through for auctions they lead, each of the most items.
pub(crate) const LEADING_PAGES_MAX: u32 = 10;

// ---- chat ---------------------------------------------------------------------------------------

/// Messages of one auction shown without asking DynamoDB: some pages; about 150 KB at most.
pub(crate) const CHAT_RECENT_MAX: usize = 200;
/// How long an auction's latest messages stay in Redis after the last one, in seconds: a week.
pub(crate) const CHAT_RECENT_S: u64 = 7 * 86_400;
/// How long Redis knows a deleted message to be one, in seconds: two days, because the queue keeps the
/// deletion for one, by when DynamoDB has heard of it. Longer than [`CHAT_CLAIM_S`], so that no repeat
/// shows the message again. About 250 bytes each: 43 MB for somebody who writes a message a second in
/// one auction and deletes each.
pub(crate) const CHAT_DELETED_S: u64 = 2 * 86_400;
/// How long a repeated request is recognised, in seconds: a day, as SQS keeps messages. Later it is a
/// new message with an id of its own. A claim takes about 400 bytes, so somebody who writes a message
/// a second in one auction takes 35 MB; for as long as a chat can be open, a month, it would be 1 GB.
pub(crate) const CHAT_CLAIM_S: u64 = 86_400;
/// Messages somebody may write at once in one auction before the rate applies.
pub(crate) const CHAT_BURST: u64 = 5;
/// How long a chat stays open after its auction closed, in milliseconds: a day, to settle the rest.
pub(crate) const CHAT_AFTER_CLOSE_MS: u64 = 86_400_000;
/// How long a message stays in DynamoDB, in seconds: 90 days, for complaints to be looked into.
pub(crate) const CHAT_RETENTION_S: i64 = 90 * 86_400;
/// Fewest items that DynamoDB looks at in one query for a page of messages: deleted ones are still
/// items, and a small page is not to take a query for each. 100 of them are about 150 KB.
pub(crate) const CHAT_QUERY_ITEMS_MIN: usize = 100;
/// Queries for one page of messages. After so many, 1,000 deleted ones in a row, the page ends with
/// what it has, and its cursor goes on from there.
pub(crate) const CHAT_PAGE_QUERIES_MAX: usize = 10;
/// Readers of the chat's queue in one worker, each with ten messages at hand.
pub(crate) const CHAT_READERS: usize = 2;

// ---- history ------------------------------------------------------------------------------------

/// How long a bid stays in the history after it was placed, in seconds: 400 days, so that a yearly
/// sale can be compared with the one before.
pub(crate) const BID_RETENTION_S: i64 = 400 * 86_400;
/// Items in one DynamoDB batch write; DynamoDB's own limit.
pub(crate) const DYNAMODB_BATCH_ITEMS_MAX: usize = 25;
/// Batch writes under way at once by one consumer. A full receive has 80 of them.
pub(crate) const BATCH_WRITES_AT_ONCE_MAX: usize = 4;
/// How long a set of bids is tried to be written before saying which ones are not. No call begins
/// later, so that with one more [`DYNAMODB_CALL_MAX`] even a full receive takes at most 9 s: below
/// [`DRAIN_MAX`], and far below [`MESSAGE_HIDDEN_S`], so that nobody else receives it meanwhile.
pub(crate) const BIDS_WRITE_MAX: Duration = Duration::from_secs(4);
/// First and longest pause before unwritten items are tried again.
pub(crate) const WRITE_PAUSE_MIN: Duration = Duration::from_millis(50);
/// See [`WRITE_PAUSE_MIN`].
pub(crate) const WRITE_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Pages of a bidder's bids searched for one bid. A page is 1 MB, about 2,000 bids.
pub(crate) const FIND_PAGES_MAX: usize = 20;

/// Consumers of the bid queue in one worker. Each has one batch at hand; an auction's messages go to
/// one of them at a time, so more only help with many auctions at once.
pub(crate) const CONSUMERS: usize = 4;

// ---- queue --------------------------------------------------------------------------------------

/// How long one receive waits for messages, in seconds: SQS's longest, since each receive of an empty
/// queue costs as much as one of a full one. A stop does not wait for it; messages that were on their way
/// to it come again after [`MESSAGE_HIDDEN_S`].
pub(crate) const RECEIVE_WAIT_S: i32 = 20;
/// Longest wait for an answer of SQS beyond [`RECEIVE_WAIT_S`].
pub(crate) const SQS_CALL_MAX: Duration = Duration::from_secs(3);
/// How long received messages stay hidden from others, in seconds. One attempt to handle them takes
/// at most 10 s; when a reader dies, its messages wait this long.
pub(crate) const MESSAGE_HIDDEN_S: i32 = 30;
/// How long a reader keeps messages it cannot handle, trying again. Each return to the queue is a
/// receive, and the queue gives up on a message after five: so an outage of four hours costs no bid,
/// and a longer one leaves them in the dead-letter queue. SQS itself allows 12 h.
pub(crate) const HOLD_MAX: Duration = Duration::from_secs(3_600);
/// First and longest pause between two tries to handle what is held; well below
/// [`MESSAGE_HIDDEN_S`].
pub(crate) const HOLD_PAUSE_MIN: Duration = Duration::from_millis(500);
/// See [`HOLD_PAUSE_MIN`].
pub(crate) const HOLD_PAUSE_MAX: Duration = Duration::from_secs(10);
/// Receives of an unreadable message after which the queue evidently has no dead-letter queue: from
/// then on it is hidden for [`MESSAGE_HIDDEN_S`] each time, so that it does not keep everybody busy.
pub(crate) const DEAD_LETTER_RECEIVES_MAX: u32 = 20;

// ---- notify -------------------------------------------------------------------------------------

/// Readers of the notification queue in one worker. Writing rows is quick; sending is not theirs.
pub(crate) const NOTIFY_CONSUMERS: usize = 2;
/// Characters of a title in a subject, where the whole is in the text: with the words before it and
/// the lot's reference after it below 100, about what a list of mails shows of a subject in one line.
pub(crate) const SUBJECT_TITLE_CHARS_MAX: usize = 55;
/// How long one attempt at a batch of messages begins new ones; with one more
/// [`CATALOG_QUERY_MAX`] below [`MESSAGE_HIDDEN_S`].
pub(crate) const NOTES_WRITE_MAX: Duration = Duration::from_secs(5);
/// Between two pieces of news of being outbid, to one person of one auction. More often is a nuisance.
pub(crate) const OUTBID_PAUSE: Duration = Duration::from_secs(60);
/// How often the sender looks at most for what is due, when something was written.
pub(crate) const NOTIFY_TICK: Duration = Duration::from_millis(500);
/// How often it looks anyway: what was put off, or written by another process, is sent so much later.
pub(crate) const NOTIFY_NET: Duration = Duration::from_secs(2);
/// Messages one sender claims at once, and never more than it sends in a second: what has become void
/// since is sent nevertheless.
pub(crate) const CLAIMED_MAX: u32 = 50;
/// How long a sender has for what it claimed: a second at its pace, the calls for the last, and time to
/// note how it went. A dead sender's messages wait this long.
pub(crate) const NOTIFY_LEASE: Duration = Duration::from_secs(240);
/// How long, and how often, a message that was sent is tried to be noted so: longer than a failover of
/// the database takes, and within the lease. What is never noted is sent again.
pub(crate) const NOTING_MAX: Duration = Duration::from_secs(220);
/// See [`NOTING_MAX`].
pub(crate) const NOTING_PAUSE: Duration = Duration::from_millis(200);
/// Events written in one transaction, so that a loaded database has time for it.
pub(crate) const EVENTS_WRITTEN_MAX: usize = 50;
/// Longest call to SES, SNS or Cognito, retries included.
pub(crate) const NOTIFY_CALL_MAX: Duration = Duration::from_secs(10);
/// First and longest pause before a message is tried again.
pub(crate) const RESEND_PAUSE_MIN: Duration = Duration::from_secs(2);
/// See [`RESEND_PAUSE_MIN`].
pub(crate) const RESEND_PAUSE_MAX: Duration = Duration::from_secs(300);
/// Age at which news of what goes on in an auction is not sent any more: a day later it is none.
pub(crate) const NEWS_AGE_MAX: Duration = Duration::from_secs(86_400);
/// Age at which nobody is told how an auction ended: a buyer wants to know for as long as may be.
pub(crate) const RESULT_AGE_MAX: Duration = Duration::from_secs(14 * 86_400);
/// Addresses one worker remembers. Each takes about 200 bytes.
pub(crate) const ADDRESSES_CACHED_MAX: usize = 10_000;
/// Age at which an address is asked for again: so long a changed one may be written to.
pub(crate) const ADDRESS_AGE_MAX: Duration = Duration::from_secs(600);
/// Most messages a second that may be configured; SES gives large senders some hundreds.
pub(crate) const EMAIL_RATE_MAX: u32 = 1_000;

// ---- api ----------------------------------------------------------------------------------------

/// Longest a request may take, body included: below the 8 s the edge waits, so that the answer is
/// ours.
pub(crate) const REQUEST_MAX: Duration = Duration::from_secs(7);
/// Requests at hand at once; each takes a few kilobytes. Beyond it, "busy" at once is kinder.
pub(crate) const REQUESTS_AT_ONCE_MAX: usize = 4_096;
/// The edge's assertion in bytes: the longest path and query take some 7,000. An edge of an earlier
/// release sends all of somebody's groups, too: in a token of 8 KB.
pub(crate) const ASSERTION_BYTES_MAX: usize = 32_768;
/// Clock difference allowed between the edge and Redis, in seconds. Both keep time by NTP.
pub(crate) const ASSERTION_SKEW_S: u64 = 5;
/// How far a worker's own clock may be from Redis's for Redis's to be believed, in seconds. A clock that
/// NTP has lost is seldom off by more; beyond it nobody can tell which of the two is, and the worker goes
/// by its own.
pub(crate) const CLOCKS_APART_S_MAX: u64 = 60;
/// Times a change of an auction is laid over what others made of it meanwhile, before answering "busy".
pub(crate) const EDIT_ATTEMPTS_MAX: u32 = 5;
/// How long an auction that the catalogue knows not to be open is taken for that without asking again; the
/// ledger is asked each time. So long a cancelled one may be said not to be live yet.
pub(crate) const NOT_OPEN_KEPT: Duration = Duration::from_millis(250);
/// Auctions of which that is remembered; some kilobytes each.
pub(crate) const NOT_OPEN_AUCTIONS_MAX: usize = 1_000;
/// Longest wait for the catalogue to hear what the ledger did to an auction and to tell its texts; with
/// [`DECISION_MAX`] below [`REQUEST_MAX`].
pub(crate) const FOLLOW_MAX: Duration = Duration::from_secs(3);
/// What `Retry-After` says, in seconds.
pub(crate) const RETRY_AFTER_S: u32 = 1;
/// Longest wait for a dependency when asked for readiness; the edge waits 2 s for the answer.
pub(crate) const READY_MAX: Duration = Duration::from_secs(1);

// ---- video --------------------------------------------------------------------------------------

/// Longest call to IVS. It answers in a fraction of a second; the API answers within 7 s.
pub(crate) const IVS_CALL_MAX: Duration = Duration::from_secs(4);
/// Between two calls of one kind. IVS takes 5 a second, whatever kind, and that is not adjustable.
pub(crate) const IVS_CALL_SPACING: Duration = Duration::from_millis(220);
/// Between two calls of `PutMetadata`, whatever channel: IVS takes 155 a second.
pub(crate) const IVS_METADATA_SPACING: Duration = Duration::from_millis(7);
/// Longest wait for one's turn. With a call it stays inside the API's [`REQUEST_MAX`].
pub(crate) const IVS_TURN_MAX: Duration = Duration::from_millis(2_500);
/// Channels on one page of a list; IVS's own limit.
pub(crate) const IVS_PAGE_CHANNELS: i32 = 100;
/// Times a stream key is looked for or made while others change it, too.
pub(crate) const KEY_ATTEMPTS_MAX: u32 = 3;
/// How often one person may ask a worker for stream keys, in the long run; each time takes two of the
/// five calls a second that all sellers share.
pub(crate) const KEYS_ASKED_EVERY: Duration = Duration::from_secs(2);
/// How often at once.
pub(crate) const KEYS_ASKED_AT_ONCE: u32 = 10;
/// People whose asking is remembered.
pub(crate) const KEYS_ASKERS_MAX: usize = 10_000;
/// Life of a playback token in seconds. IVS allows 600 from its own clock's now for a token with a
/// viewer's id; the rest is for clocks that differ.
pub(crate) const PLAYBACK_TOKEN_LIFE_S: u64 = 570;

/// How often channels are looked after. An auction without a channel waits this long, and as long
/// again for each of the few calls that make one.
pub(crate) const VIDEO_TICK: Duration = Duration::from_secs(1);
/// Ticks between two looks at the stock of channels after there was nothing to do for a while. A process
/// that takes from the stock looks at once; what another one did, or an end, is noticed so much later.
pub(crate) const VIDEO_REST_TICKS: u32 = 8;
/// How long a worker has a step of a channel for itself: two turns and two calls of IVS with room to
/// spare. When it dies, the step waits this long for the next worker.
pub(crate) const VIDEO_LEASE: Duration = Duration::from_secs(20);
/// First and longest pause before a failed step is taken again.
pub(crate) const VIDEO_PAUSE_MIN: Duration = Duration::from_millis(500);
/// See [`VIDEO_PAUSE_MIN`].
pub(crate) const VIDEO_PAUSE_MAX: Duration = Duration::from_secs(60);
/// How long a channel outlives its auction: the last price reaches viewers behind their buffers, also
/// those of a stream that had just come back and is found again only after [`SILENCE_MAX`].
pub(crate) const VIDEO_FAREWELL: Duration = Duration::from_secs(30);
/// How often IVS and PostgreSQL are compared. What they differ in costs nothing while nobody sends to
/// it, and a list of 5,000 channels takes 50 calls.
pub(crate) const VIDEO_SWEEP_EVERY: Duration = Duration::from_secs(300);
/// Channels worked on at once by one worker. More would only wait for their turns.
pub(crate) const VIDEO_STEPS_AT_ONCE: usize = 4;
/// Channels minted in one look: what IVS makes in some seconds.
pub(crate) const VIDEO_MINT_MAX: u32 = 20;
/// Auctions of one seller that have a channel at a time: the oldest that are not over. An account has
/// 5,000 channels, and nobody should be able to take them all.
pub(crate) const VIDEO_OF_A_SELLER_MAX: i64 = 100;
/// Auctions given a channel in one look.
pub(crate) const VIDEO_WAITING_MAX: u32 = 100;

/// Pause between two cues of one channel. IVS takes 5 a second; counted from the answer to the one
/// before, 4 fit, so that no delay on the way can make them 6.
pub(crate) const CUE_SPACING: Duration = Duration::from_millis(250);
/// Age at which a cue is repeated for those who joined since.
pub(crate) const CUE_REPEAT: Duration = Duration::from_secs(10);
/// First and longest time that a channel which nobody sends to is left alone: a stream's first price
/// is so late at most, and a thousand silent channels take a third of what IVS allows.
pub(crate) const SILENCE_MIN: Duration = Duration::from_secs(2);
/// See [`SILENCE_MIN`].
pub(crate) const SILENCE_MAX: Duration = Duration::from_secs(16);
/// How long a worker alone tells about an auction; it renews this every [`TELL_CLAIM_EVERY`]. When it
/// dies, streams are without a new price for so long.
pub(crate) const TELL_LEASE: Duration = Duration::from_secs(6);
/// How long it goes on telling without having renewed; the rest is for the call at hand, which is broken
/// off when the lease is over.
pub(crate) const TELL_UNTIL: Duration = Duration::from_secs(3);
/// See [`TELL_LEASE`].
pub(crate) const TELL_CLAIM_EVERY: Duration = Duration::from_secs(1);
/// Auctions that one worker tells about. IVS lets an account have 100 streams at once by default.
pub(crate) const TOLD_CHANNELS_MAX: u32 = 1_000;
