-- Channels whose auction is over for longer than $1 seconds.
update channels
set state = 'retiring', due_at = now(), failures = 0
from auctions
where channels.auction_id = auctions.id and channels.state = 'assigned'
  and auctions.status = 'closed' and auctions.closed_at < now() - make_interval(secs => $1)
