-- The catalogue is read newest first, whole, by status or by category.
create index auctions_newest on auctions (created_at desc, id desc);
create index auctions_newest_of_status on auctions (status, created_at desc, id desc);
create index auctions_newest_of_category on auctions (category, created_at desc, id desc)
    where category is not null;
