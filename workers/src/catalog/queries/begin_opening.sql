-- Hands a scheduled auction to the ledger; for time ($2) only if its time has come by now ($3), which
-- may have changed since it was read. Again, it changes nothing.
update auctions
set opening = coalesce(opening, $2)
where id = $1 and status = 'scheduled' and ($2 = 'seller' or opens_at <= $3)
