-- As many new slots of a kind ($1: private) as are missing to $2, but at most $3 at once.
insert into channels (slot, private, state)
select gen_random_uuid(), $1, 'creating'
from generate_series(1, least($3,
    $2 - (select count(*) from channels where private = $1 and state in ('creating', 'ready'))))
