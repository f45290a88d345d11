// Package analytics answers the figures: of accounts, of posts, of members, of platforms. It only reads.
//
// # Invariants
//
//   - Every query is bounded, ordered and scoped: [readmodels.Scope] is part of each, and what lies
//     outside of it does not exist.
//   - One answer is one [pg.Snapshot].
//   - The structs with JSON tags are the answers. Their comments are the documentation of the fields:
//     unit, kind, platform metric, and what null means.
//   - Absent is null and never 0. A comparison without a baseline is null with no_baseline. Whatever is
//     left out of a figure has its reason in [Meta].Sources.
//   - Figures are combined by their kind: stocks by their last reading, cumulative ones by what each
//     reading gained since the last one before it, day flows by summing the platform's days; rolling ones
//     and reach are shown as read. Parts of a range, of platforms and of owners add up to the whole.
//   - A reading belongs to exactly one period: the reading before a range is the last one strictly before
//     its start. The first reading of an account is a baseline and gains nothing.
//   - A gain of a post belongs to a reading, never to a range: any two sums of readings agree, whatever
//     figures single readings lack.
//
// It may import readmodels, and may not import commands, projections, watermill or api.
//
// # Non-obvious
//
//   - "rows, _ := tx.Query": an error of the query comes out of CollectRows or forEach, in which every
//     query ends.
//   - account_months holds the last reading of each UTC day and owner; what a reading gained is the difference from the one before
//     it, and belongs to its owner. One index probe each into tSAccountIns answers where a part of the range ends before the last
//     reading of a day, and on days on which the owner changes. A search for a raw reading looks at the 40 days before it first:
//     "the last reading ever before" opens every partition.
//   - A range that has not ended is compared with as many days as have begun of it ([Range].Now). Day
//     flows are compared day by day with the days of the previous period that both have.
//   - A day counts as not read once it is over everywhere on earth. Platforms' day labels are compared
//     with the days of the range by name, although some are Pacific ones.
//   - A follower series carries an account's last reading over days without one; else a sum would dip.
//   - [time.Date] may give an hour of the day before where clocks change at midnight: days begin at
//     day.start.
//   - The owner of a page at the end of a day is that of the last reading before it that is not a
//     back-fill. If a page moves between clients, a gain belongs to the client at the later reading.
//   - A post is listed under the member of its last registration; its gains belong to the member at the
//     reading. So lists may show posts that belong to another member now.
//   - post_gains has quarters of an hour because days begin at one in every zone. Rankings take whole UTC
//     days from post_months; of a day that the range cuts, the readings are summed.
//   - A prepared statement gets a plan for any parameters after a few runs, made for one row. Statements
//     that group thousands are planned each time (queryGrouped), and emit a predicate only when there is
//     something to filter (within): "$2 is null or column = any($2)" expects next to no rows.
//   - sum_bigint adds gains: sum returns numeric, and the conversion took a sixth of a ranking.
//   - The sources list an account that has left the scope only while it has figures in the answer, and
//     without its present name.
package analytics
