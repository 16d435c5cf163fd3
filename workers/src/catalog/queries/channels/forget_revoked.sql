-- Nobody can watch what is over: who was shut out of it need not be known any more.
delete from revoked_viewers
using auctions
where auctions.id = revoked_viewers.auction_id and auctions.status = 'closed'
  and not exists (select from channels where channels.auction_id = auctions.id and state = 'assigned')
