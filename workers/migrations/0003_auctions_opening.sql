-- Set before the ledger is asked to open an auction, to why it is asked: from then on nobody edits it
-- or cancels it here, so the ledger opens exactly what is in the row. An opening that breaks off is
-- found by this.
alter table auctions add column opening text check (opening in ('time', 'seller'));

-- What opens by itself, by its time, and what was being opened.
create index auctions_waiting_to_open on auctions (opens_at)
    where status = 'scheduled' and (opening is not null or opens_at is not null);
