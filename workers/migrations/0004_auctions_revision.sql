-- Counts the changes of an auction's terms, so that two at once cannot undo each other.
alter table auctions add column revision bigint not null default 0 check (revision >= 0);
