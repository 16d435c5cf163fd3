-- Auctions without a channel, the oldest first; of each seller among their oldest $2 only.
select shown.id
from (select distinct seller_id from auctions where status <> 'closed') as sellers
cross join lateral (
    select id, created_at
    from auctions
    where seller_id = sellers.seller_id and status <> 'closed'
    order by created_at, id
    limit $2
) as shown
where not exists (select from channels where channels.auction_id = shown.id)
order by shown.created_at, shown.id
limit $1
