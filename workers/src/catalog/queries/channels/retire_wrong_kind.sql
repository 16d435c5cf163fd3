-- Channels whose auction became private, or public, since: it gets another one.
update channels
set state = 'retiring', auction_id = null, due_at = now(), failures = 0
from auctions
where channels.auction_id = auctions.id and channels.state = 'assigned'
  and channels.private <> auctions.private and auctions.status <> 'closed'
