-- Once: whoever comes second changes nothing.
update auctions
set status = 'closed', closed_at = $2, ends_at = $2, log_position = $3,
    outcome = $4, price = $5, bid_count = $6,
    winner_id = $7, hammer_price = $8, winning_bid_id = $9
where id = $1 and status <> 'closed'
