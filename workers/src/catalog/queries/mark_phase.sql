-- Follows the ledger while the auction is open; never backwards, never out of the end.
update auctions
set status = $2, ends_at = $3, log_position = $4
where id = $1 and status <> 'closed' and log_position < $4
