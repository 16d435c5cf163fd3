update channels
set over_since = now()
from auctions
where channels.auction_id = auctions.id and channels.state = 'assigned'
  and channels.over_since is null and auctions.status = 'closed'
