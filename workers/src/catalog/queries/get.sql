select
    id, seller_id, request_sha256,
    title, description, category, condition, image_urls, private, opens_at,
    currency, starting_price, reserve_price, buy_now_price, bid_ceiling, increments, duration_ms,
    soft_close_window_ms, soft_close_extension_ms, soft_close_extensions_max, grace_ms,
    status, opening, revision, created_at, ends_at,
    closed_at, outcome, price, bid_count, winner_id, hammer_price, winning_bid_id,
    (select playback_url from channels
     where auction_id = auctions.id and state = 'assigned'
       and not channels.private and not auctions.private) as playback_url
from auctions
where id = $1
