-- How many channels of a kind ($1: private) there should be that are nobody's: a reserve of $2, and one
-- for each auction that waits.
select $2 + (select count(*) from waiting_for_channels($3) where private = $1)
