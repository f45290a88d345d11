// Package analytics answers queries for figures of accounts, posts, members and platforms. It only
// reads.
//
// # Invariants
//
//   - Every query is bounded, ordered and limited to a [readmodels.Scope]. Data outside the scope
//     does not exist.
//   - Each response uses one [pg.Snapshot].
//   - The structs with JSON tags are the responses. Their comments document the fields: unit, kind,
//     platform metric and the meaning of null.
//   - A missing figure is null, never 0. A comparison without a baseline is null with no_baseline.
//     [Meta].Sources gives a reason for all data that a figure lacks.
//   - Figures are combined by kind: stocks by their last reading, cumulative figures by the gain of
//     each reading over the previous one, day flows by summing the platform's days. Rolling figures
//     and reach are shown as read. Intervals, platforms and owners add up to the whole.
//   - A reading belongs to exactly one period. The reading before a range is the last one strictly
//     before its start. The first reading of an account is a baseline and gains nothing.
//   - A gain of a post belongs to a reading, never to a range. So any two sums of readings agree,
//     whatever figures single readings lack.
//
// It may import readmodels, but not commands, projections, watermill or api.
//
// # Implementation notes
//
//   - "rows, _ := tx.Query": CollectRows or forEach, which end every query, return the error.
//   - account_months holds the last reading of each UTC day and owner. One index probe into
//     tSAccountIns is needed where an interval ends before the last reading of a day, and on days
//     on which the owner changes. A probe searches the last 40 days first, because a search without
//     a lower bound opens every partition.
//   - A range that has not ended is compared with as many days as have begun in it ([Range].Now).
//     Day flows are compared day by day, over the days that both periods have.
//   - A day without a reading counts as missed once it is over everywhere on earth. Platforms' day
//     labels are compared with the days of the range by name, although some are Pacific days.
//   - A follower series repeats an account's last reading on days without one; otherwise sums would
//     drop.
//   - [time.Date] can return an hour of the previous day where clocks change at midnight: use
//     day.start.
//   - The owner of a page at the end of a day is the owner of the last reading before it that is
//     not a backfill. If a page moves between clients, a gain belongs to the client at the later
//     reading.
//   - A post is listed under the member of its last registration, but its gains belong to the
//     member at the reading. So lists can show posts that belong to another member now.
//   - post_gains has quarters of an hour because in every time zone, days begin at a quarter of an
//     hour. Rankings read whole UTC days from post_months and sum the readings of days that the
//     range cuts.
//   - After a few runs, a prepared statement gets a generic plan that expects one row. Statements
//     that group thousands of rows are planned for each run (queryGrouped) and have no predicate if
//     there is nothing to filter (withinAccounts): for "$2 is null or column = any($2)", a generic
//     plan expects almost no rows.
//   - sum_bigint adds gains: sum returns numeric, and the conversion took a sixth of a ranking's
//     time.
//   - An account that has left the scope is a source only while it has figures in the response, and
//     without its current name.
package analytics
