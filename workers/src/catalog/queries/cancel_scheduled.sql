-- Not once the ledger may have it: then the ledger decides.
update auctions
set status = 'closed', outcome = 'cancelled', closed_at = date_trunc('milliseconds', now())
where id = $1 and status = 'scheduled' and opening is null
