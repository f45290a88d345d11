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
//   - A missing figure is null, never 0. A comparison without a baseline is null, and the note
//     is first_reading. [Meta].Sources gives the reason for missing data.
//   - Figures are combined by kind: stocks by their last reading, cumulative figures by the gain of
//     each reading over the previous one, day flows by summing the platform's days. Rolling figures
//     and reach are shown as read. Intervals, platforms and owners add up to the whole.
//   - A gain belongs to a reading, never to a range, and a reading to exactly one period. The first
//     reading of an account is a baseline and gains nothing.
//   - If a page moves to another client, or back, its first readings there are baselines. If it moves
//     to another member of the client, a gain belongs to the member at the later reading. A day flow
//     belongs to the owner of its first reading that is not backfilled. A post is
//     listed under the member of its last registration, but its gains belong to the member at the
//     reading, so lists can show posts that belong to another member now.
//
// It may import readmodels, but not commands, projections, watermill or api.
//
// # Implementation notes
//
//   - "rows, _ := tx.Query": the function that reads the rows to the end returns the error.
//   - Gains of accounts are read at the ends of intervals: account_days has what an owner had gained
//     up to the end of each UTC day, account_quarters what it had gained since the start of the day.
//     Ranges end at quarter hours, so both together are exact in every time zone.
//   - A day without a reading counts as missed once it is over everywhere on earth. Platforms' day
//     labels are compared with the days of the range by name, although some are Pacific days.
//   - Gains of posts are sums, by owner, of UTC days, and of quarter hours for days in which an interval
//     begins or ends. Rankings and lists read sums of each post by week, and single readings around them.
//   - Statements that group thousands of rows are planned for each run (queryGrouped) and have no
//     predicate if there is nothing to filter (withinAccounts): for "$2 is null or column =
//     any($2)", a generic plan expects almost no rows.
//   - The sources of figures have their own conditions for pauses and sign-ins, instead of
//     [readmodels.ConnectionStatus]: every response has sources, and their statement took 1.40 ms for
//     100 accounts, but 1.76 ms with it.
//   - sum_bigint adds gains: sum returns numeric, and the conversion took a sixth of a ranking's
//     time.
package analytics
