select id
from auctions
where status <> 'closed'
  and not exists (select from channels where channels.auction_id = auctions.id)
order by created_at, id
limit $1
