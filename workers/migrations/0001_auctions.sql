-- Auctions: what their sellers fixed, where they are in their life, and how they ended.
-- Money is in minor units. Times have millisecond precision. Live state is not here but in Redis.
create table auctions (
    id text primary key,
    seller_id text not null,

    -- The request that made it, so that a repeat is recognised.
    idempotency_key text not null,
    request_sha256 text not null,

    title text not null,
    description text,
    category text,
    condition text,
    image_urls text[] not null,
    private boolean not null,
    opens_at timestamptz,

    currency char(3) not null check (currency ~ '^[A-Z]{3}$'),
    starting_price bigint not null check (starting_price > 0),
    reserve_price bigint check (reserve_price >= starting_price),
    buy_now_price bigint check (buy_now_price >= starting_price),
    bid_ceiling bigint check (bid_ceiling >= starting_price),
    increments jsonb not null,
    duration_ms bigint not null check (duration_ms > 0),
    soft_close_window_ms bigint not null check (soft_close_window_ms >= 0),
    soft_close_extension_ms bigint not null check (soft_close_extension_ms >= 0),
    soft_close_extensions_max integer not null check (soft_close_extensions_max >= 0),
    grace_ms bigint not null check (grace_ms >= 0),

    status text not null default 'scheduled'
        check (status in ('scheduled', 'live', 'paused', 'closed')),
    created_at timestamptz not null default date_trunc('milliseconds', now()),
    ends_at timestamptz,
    -- The position in the auction's log that this row reflects: an older one never overwrites it.
    log_position bigint not null default 0 check (log_position >= 0),

    -- The result, written once.
    closed_at timestamptz,
    outcome text check (outcome in ('sold', 'unsold', 'cancelled')),
    price bigint check (price > 0),
    bid_count bigint not null default 0 check (bid_count >= 0),
    winner_id text,
    hammer_price bigint check (hammer_price > 0),
    winning_bid_id text,

    constraint one_auction_a_key unique (seller_id, idempotency_key),
    constraint closed_has_an_outcome check (
        (status = 'closed') = (outcome is not null) and (status = 'closed') = (closed_at is not null)
    ),
    constraint sold_has_a_winner check (
        num_nonnulls(winner_id, hammer_price, winning_bid_id)
            = case when outcome = 'sold' then 3 else 0 end
    ),
    constraint sellers_do_not_win check (winner_id <> seller_id)
);
