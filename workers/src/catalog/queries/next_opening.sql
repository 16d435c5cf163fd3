select min(opens_at)
from auctions
where status = 'scheduled' and opening is null and opens_at > $1
