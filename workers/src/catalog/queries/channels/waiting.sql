select id
from auctions
where status <> 'closed'
  and not exists (select from channels where channels.auction_id = auctions.id)
  and (select count(*) from auctions as older
       where older.seller_id = auctions.seller_id and older.status <> 'closed'
         and (older.created_at, older.id) < (auctions.created_at, auctions.id)) < $2
order by created_at, id
limit $1
