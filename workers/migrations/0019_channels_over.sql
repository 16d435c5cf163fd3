-- When a channel's auction was first seen to be over: its end is told for as long afterwards, however
-- late the catalogue heard of it.
alter table channels add column over_since timestamptz;
create index auctions_not_closed_by_seller on auctions (seller_id, created_at, id) where status <> 'closed';
