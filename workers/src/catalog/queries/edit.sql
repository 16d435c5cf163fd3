-- Only what was read is changed: after another change ($20 is not its revision any more), nothing is.
update auctions
set title = $1, description = $2, category = $3, condition = $4, image_urls = $5, private = $6,
    opens_at = $7, currency = $8, starting_price = $9, reserve_price = $10, buy_now_price = $11,
    bid_ceiling = $12, increments = $13, duration_ms = $14, soft_close_window_ms = $15,
    soft_close_extension_ms = $16, soft_close_extensions_max = $17, grace_ms = $18,
    revision = revision + 1
where id = $19 and revision = $20 and status = 'scheduled' and opening is null
