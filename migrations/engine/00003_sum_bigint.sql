-- +goose Up
-- What sum says of bigint, as bigint; null of nothing, an error beyond its range. The built-in one hands out numeric, and
-- converting that took a sixth of a ranking of thousands of posts.
create aggregate sum_bigint(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe);
