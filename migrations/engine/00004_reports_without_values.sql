-- +goose Up
-- Reports had rows with all values, and people in them, whom no erasure reached. Now they name columns: the next check writes its own anew,
-- and of a rebuild the verdict and the positions stay.
delete from table_checks where not equal;
update rebuilds set report = report - 'tables' where report ? 'tables';
