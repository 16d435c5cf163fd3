select id, coalesce(opening, 'time')
from auctions
where status = 'scheduled' and (opening is not null or opens_at <= $1) and id <> all ($3)
order by opens_at
limit $2
