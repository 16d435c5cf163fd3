-- Hands a scheduled auction to the ledger. Again, it changes nothing.
update auctions set opening = true where id = $1 and status = 'scheduled'
