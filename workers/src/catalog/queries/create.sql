-- Does nothing when the seller has used the key before.
insert into auctions (
    title, description, category, condition, image_urls, private, opens_at,
    currency, starting_price, reserve_price, buy_now_price, bid_ceiling, increments, duration_ms,
    soft_close_window_ms, soft_close_extension_ms, soft_close_extensions_max, grace_ms,
    id, seller_id, idempotency_key, request_sha256
)
values (
    $1, $2, $3, $4, $5, $6, $7,
    $8, $9, $10, $11, $12, $13, $14,
    $15, $16, $17, $18,
    $19, $20, $21, $22
)
on conflict (seller_id, idempotency_key) do nothing
