select id, opening
from auctions
where status = 'scheduled' and (opening or opens_at <= $1)
order by opens_at
limit $2
