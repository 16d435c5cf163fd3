select exists (select 1 from auctions where seller_id = $1 and status <> 'closed')
