//! The catalogue: every auction, its terms and its result, in PostgreSQL.
//!
//! The ledger is the truth about an auction that is live; the catalogue follows it. It is the truth
//! about auctions that are not open yet, and it keeps the result of closed ones: a closed row never
//! changes again. Queries are in `queries/`, migrations in `workers/migrations`.

pub(crate) mod channels;
mod error;
mod record;
mod revoked;
mod row;

use std::collections::HashSet;
use std::future::Future;

use gavel_core::auction::{Auction, OpenCause, Outcome, Phase};
use gavel_core::ids::AuctionId;
use gavel_core::time::Timestamp;
use gavel_core::wire::{CreateAuction, Page, Status};
use serde::{Deserialize, Serialize};
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgQueryResult};
use sqlx::types::Json;
use sqlx::types::time::OffsetDateTime;
use sqlx::{Connection as _, Executor as _, PgPool, Postgres};

pub use self::error::{CatalogError, Cause};
pub use self::record::{AuctionRecord, AuctionResult, Created, DueToOpen, Filter, NewAuction};
pub(crate) use self::row::timestamp;
use self::row::{Row, instant, whole};
use crate::cursor;
use crate::limits::{
    CATALOG_ACQUIRE_MAX, CATALOG_QUERY_MAX, CATALOG_STATEMENT_MAX, CATALOG_TRUSTED,
    DUE_AUCTIONS_MAX, PAGE_TEXT_BYTES_MAX,
};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// The name of the list in its cursors.
const LIST: &str = "auctions";

/// The catalogue. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Catalog {
    pool: PgPool,
}

type Query<'q> = sqlx::query::Query<'q, Postgres, PgArguments>;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Position {
    created_at: Timestamp,
    id: AuctionId,
}

impl Catalog {
    /// A catalogue of at most `connections` connections, none of them open yet: whoever needs one
    /// makes it. An error when the URL (`postgres://…`) is not one.
    pub fn new(url: &str, connections: u32) -> Result<Self, CatalogError> {
        let options: PgConnectOptions = url.parse()?;
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(CATALOG_ACQUIRE_MAX)
            // By default each is tried before it is used, which is every other question to PostgreSQL.
            .test_before_acquire(false)
            .before_acquire(|connection, state| {
                Box::pin(async move {
                    Ok(state.idle_for < CATALOG_TRUSTED || connection.ping().await.is_ok())
                })
            })
            .after_connect(|connection, _| {
                Box::pin(async move {
                    sqlx::query("select set_config('statement_timeout', $1, false)")
                        .bind(CATALOG_STATEMENT_MAX.as_millis().to_string())
                        .execute(connection)
                        .await
                        .map(drop)
                })
            })
            .connect_lazy_with(options.application_name("gavel"));
        Ok(Self { pool })
    }

    /// The connections, for other tables of the same database.
    pub(crate) fn pool(&self) -> PgPool {
        self.pool.clone()
    }

    /// Brings the tables up to date; several at once wait for each other. No time limit: a new index
    /// on a large table takes long.
    pub async fn migrate(&self) -> Result<(), CatalogError> {
        let mut connection = self.pool.acquire().await?.detach();
        connection.execute("set statement_timeout = 0").await?;
        MIGRATIONS.run(&mut connection).await.map_err(|error| CatalogError::Broken(error.into()))
    }

    /// Creates an auction, or finds the one that the same request created before. The same key with
    /// another request is [`CatalogError::Conflict`].
    pub async fn create(&self, new: NewAuction<'_>) -> Result<Created, CatalogError> {
        let insert = described(sqlx::query(include_str!("queries/create.sql")), new.request)
            .bind(new.id.as_str())
            .bind(new.seller.as_str())
            .bind(new.idempotency_key.as_str())
            .bind(new.request_sha256);
        let repeated = !changed(&in_time(insert.execute(&self.pool)).await?);
        let created = self.created(&new).await?.ok_or(CatalogError::NotFound)?;
        Ok(Created { repeated, ..created })
    }

    /// The auction that the same request created before, if any. The same key with another request is
    /// [`CatalogError::Conflict`].
    pub async fn created(&self, new: &NewAuction<'_>) -> Result<Option<Created>, CatalogError> {
        let query = sqlx::query_as::<_, Row>(include_str!("queries/get_by_key.sql"))
            .bind(new.seller.as_str())
            .bind(new.idempotency_key.as_str());
        match in_time(query.fetch_optional(&self.pool)).await? {
            None => Ok(None),
            Some(row) if row.request_sha256 != new.request_sha256 => Err(CatalogError::Conflict),
            Some(row) => Ok(Some(Created { record: row.record()?, repeated: true })),
        }
    }

    /// Changes a scheduled auction that is still as in `read`. Gives whether it was; otherwise nothing
    /// changed.
    pub async fn edit(
        &self,
        read: &AuctionRecord,
        edited: &CreateAuction,
    ) -> Result<bool, CatalogError> {
        let update = described(sqlx::query(include_str!("queries/edit.sql")), edited)
            .bind(read.id.as_str())
            .bind(whole(read.revision));
        Ok(changed(&in_time(update.execute(&self.pool)).await?))
    }

    /// One auction, or [`CatalogError::NotFound`].
    pub async fn get(&self, id: &AuctionId) -> Result<AuctionRecord, CatalogError> {
        let query = sqlx::query_as::<_, Row>(include_str!("queries/get.sql")).bind(id.as_str());
        let row = in_time(query.fetch_optional(&self.pool)).await?;
        row.ok_or(CatalogError::NotFound)?.record()
    }

    /// A page of auctions, newest first, of at most `limit`; fewer when their texts are long.
    pub async fn list(
        &self,
        filter: &Filter,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Page<AuctionRecord>, CatalogError> {
        let after = cursor
            .map(|text| cursor::decode::<Position>(LIST, text).ok_or(CatalogError::InvalidCursor))
            .transpose()?;
        let query = sqlx::query_as::<_, Row>(include_str!("queries/list.sql"))
            .bind(filter.status.map(Status::as_str))
            .bind(filter.category.as_deref())
            .bind(after.as_ref().map(|position| instant(position.created_at)))
            .bind(after.as_ref().map(|position| position.id.as_str()))
            // One more than asked for tells whether there is a next page.
            .bind(i64::from(limit) + 1);
        let rows = in_time(query.fetch_all(&self.pool)).await?;
        let mut items = rows.into_iter().map(Row::record).collect::<Result<Vec<_>, _>>()?;
        let fitting = fitting(&items, usize::try_from(limit).unwrap_or(usize::MAX));
        let more = items.len() > fitting;
        items.truncate(fitting);
        let next_cursor = items.last().filter(|_| more).map(|last| {
            cursor::encode(LIST, &Position { created_at: last.created_at, id: last.id.clone() })
        });
        Ok(Page { items, next_cursor })
    }

    /// Hands a scheduled auction to the ledger: from now on its terms are fixed and only the ledger
    /// decides. Does nothing for [`OpenCause::Time`] when its time has not come at `now`, nor again,
    /// nor when it is open already; [`AuctionRecord::opening`] tells.
    pub async fn begin_opening(
        &self,
        id: &AuctionId,
        cause: OpenCause,
        now: Timestamp,
    ) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/begin_opening.sql"))
            .bind(id.as_str())
            .bind(row::cause_name(cause))
            .bind(instant(now));
        in_time(query.execute(&self.pool)).await.map(drop)
    }

    /// Scheduled auctions that should be open at `now`: by their time, or because an opening was
    /// begun. At most [`DUE_AUCTIONS_MAX`], and none of `skipped`.
    pub async fn due_to_open(
        &self,
        now: Timestamp,
        skipped: &HashSet<AuctionId>,
    ) -> Result<Vec<DueToOpen>, CatalogError> {
        let skipped: Vec<&str> = skipped.iter().map(AuctionId::as_str).collect();
        let query = sqlx::query_as(include_str!("queries/due_to_open.sql"))
            .bind(instant(now))
            .bind(i64::try_from(DUE_AUCTIONS_MAX).unwrap_or(i64::MAX))
            .bind(skipped);
        let due: Vec<(String, String)> = in_time(query.fetch_all(&self.pool)).await?;
        let read = |(id, cause): &(String, String)| -> Result<DueToOpen, Cause> {
            Ok(DueToOpen { id: AuctionId::parse(id)?, cause: row::cause(cause)? })
        };
        due.iter().map(read).collect::<Result<_, _>>().map_err(CatalogError::Broken)
    }

    /// When the first of the auctions opens whose time has not come at `now`.
    pub async fn next_opening(&self, now: Timestamp) -> Result<Option<Timestamp>, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/next_opening.sql")).bind(instant(now));
        let next: Option<OffsetDateTime> = in_time(query.fetch_one(&self.pool)).await?;
        next.map(timestamp).transpose().map_err(CatalogError::Broken)
    }

    /// Notes that an auction is live or paused, unless the catalogue knows better already.
    pub async fn mark_phase(&self, state: &Auction) -> Result<(), CatalogError> {
        let query = sqlx::query(include_str!("queries/mark_phase.sql"))
            .bind(state.id.as_str())
            .bind(Status::from(&state.phase).as_str())
            .bind(state.ends_at().map(instant))
            .bind(whole(state.position));
        if !changed(&in_time(query.execute(&self.pool)).await?) {
            // Known already, or not there at all, which must not pass for noted.
            self.status(&state.id).await?;
        }
        Ok(())
    }

    /// Records how an auction ended, exactly once: again, it changes nothing. Gives whether this call
    /// did it. `closed` must be a closed state; another one is [`CatalogError::Broken`].
    pub async fn record_result(&self, closed: &Auction) -> Result<bool, CatalogError> {
        let Phase::Closed { outcome, at } = &closed.phase else {
            return Err(CatalogError::Broken("a result of an auction that is not closed".into()));
        };
        let sold = match outcome {
            Outcome::Sold { winner, hammer_price, bid_id } => Some((winner, hammer_price, bid_id)),
            Outcome::Unsold | Outcome::Cancelled => None,
        };
        let query = sqlx::query(include_str!("queries/record_result.sql"))
            .bind(closed.id.as_str())
            .bind(instant(*at))
            .bind(whole(closed.position))
            .bind(outcome.as_str())
            .bind(closed.price.map(|price| whole(price.minor())))
            .bind(whole(closed.seq))
            .bind(sold.map(|(winner, ..)| winner.as_str()))
            .bind(sold.map(|(_, price, _)| whole(price.minor())))
            .bind(sold.map(|(.., bid_id)| bid_id.as_str()));
        let recorded = changed(&in_time(query.execute(&self.pool)).await?);
        if !recorded {
            // Closed before, or not there at all, which must not pass for recorded.
            self.status(&closed.id).await?;
        }
        Ok(recorded)
    }

    /// Cancels an auction that was never handed to the ledger. Gives whether this call did it.
    pub async fn cancel_scheduled(&self, id: &AuctionId) -> Result<bool, CatalogError> {
        let query = sqlx::query(include_str!("queries/cancel_scheduled.sql")).bind(id.as_str());
        Ok(changed(&in_time(query.execute(&self.pool)).await?))
    }

    /// Asks PostgreSQL whether it answers.
    pub async fn ping(&self) -> Result<(), CatalogError> {
        in_time(sqlx::query("select 1").execute(&self.pool)).await.map(drop)
    }

    async fn status(&self, id: &AuctionId) -> Result<Status, CatalogError> {
        let query = sqlx::query_scalar(include_str!("queries/status.sql")).bind(id.as_str());
        let status: Option<String> = in_time(query.fetch_optional(&self.pool)).await?;
        row::status(&status.ok_or(CatalogError::NotFound)?).map_err(CatalogError::Broken)
    }
}

/// Binds all that a seller says of an auction, in the order of `queries/create.sql`.
fn described<'q>(query: Query<'q>, request: &'q CreateAuction) -> Query<'q> {
    let terms = &request.terms;
    query
        .bind(&request.title)
        .bind(&request.description)
        .bind(&request.category)
        .bind(&request.condition)
        .bind(&request.image_urls)
        .bind(request.private)
        .bind(terms.opens_at.map(instant))
        .bind(terms.currency.as_str())
        .bind(whole(terms.starting_price.minor()))
        .bind(terms.reserve_price.map(|price| whole(price.minor())))
        .bind(terms.buy_now_price.map(|price| whole(price.minor())))
        .bind(terms.bid_ceiling.map(|price| whole(price.minor())))
        .bind(Json(&terms.increments))
        .bind(whole(terms.duration_ms))
        .bind(whole(terms.soft_close.window_ms))
        .bind(whole(terms.soft_close.extension_ms))
        .bind(i32::try_from(terms.soft_close.max_extensions).unwrap_or(i32::MAX))
        .bind(whole(terms.grace_ms))
}

/// Waits for a query, but not for ever: a connection can die without a word.
pub(crate) async fn in_time<T>(
    query: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, CatalogError> {
    let answer = tokio::time::timeout(CATALOG_QUERY_MAX, query).await;
    Ok(answer.map_err(|_elapsed| CatalogError::no_answer())??)
}

/// How many of `found` make a page: at most `most`, within [`PAGE_TEXT_BYTES_MAX`], but at least one,
/// because a page without any would never end the list.
fn fitting(found: &[AuctionRecord], most: usize) -> usize {
    let mut bytes = 0;
    let fits = |record: &&AuctionRecord| {
        bytes += record.text_bytes();
        bytes <= PAGE_TEXT_BYTES_MAX
    };
    found.iter().take(most).take_while(fits).count().max(1)
}

fn changed(result: &PgQueryResult) -> bool {
    result.rows_affected() > 0
}
