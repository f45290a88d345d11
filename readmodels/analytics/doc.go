// Package analytics answers the figures: of accounts, of posts, of members, of platforms. It only reads.
//
// # Invariants
//
//   - Every query is bounded, ordered and scoped: [readmodels.Scope] is part of each, and what lies outside of it does
//     not exist.
//   - One answer is one [pg.Snapshot]: its parts are of one moment.
//   - The structs with JSON tags are the answers; nobody maps them again. Their comments are the
//     documentation of the fields: unit, kind, platform metric, and what null means.
//   - Absent is null and never 0. A comparison without a baseline is null with no_baseline, never 0 % or
//     100 %. Whatever is left out of a figure has its reason in [Meta].Sources.
//   - Figures are combined by their kind: stocks by their last reading, cumulative ones by what each reading
//     gained since the last one before it, day flows by summing the platform's days; rolling ones and reach are shown
//     as read. Parts of a range, of platforms and of owners add up to the whole.
//
// It may import readmodels, and may not import commands, projections, watermill or api.
//
// # Non-obvious
//
//   - "rows, _ := tx.Query": an error of the query comes out of CollectRows or forEach, in which every query ends.
//   - A reading belongs to exactly one period: the reading before a range is the last one strictly before
//     its start. Were a reading at the very start both inside and "before", a range or day whose only
//     reading is at midnight would have gained nothing, and days would not add up to their range.
//   - account_months holds the last reading of each UTC day. It answers wherever a bucket ends at or after
//     that reading; where the bucket ends before it (another zone, a cut day) one index probe into
//     tSAccountIns answers. So UTC days need raw readings only for what lies before the range.
//   - Among readings of one instant the event with the smaller id counts. Ids take most of the space in account_months,
//     so a second query reads them, only for accounts with such readings.
//   - What a gauge stood at before a period comes from the roll-up of the three days before it. Only accounts that
//     were not read then need raw readings. account_newest tells what the newest reading of an account lacks.
//   - A search for a raw reading looks at the 40 days before it first. The reading table has a
//     partition per month and a default one, so "the last reading ever before" opens every partition.
//   - Steps of accounts are not stored: a span of time gains the difference of what the figure stood at when it
//     began and ended, and where the owner changes, which is rare, a span ends.
//   - Most accounts of an answer neither changed hands nor have both steps and day flows: they share one list of spans. Made for each
//     of a hundred accounts, these were a quarter of the memory that an answer took.
//   - The first reading of all is a baseline, of accounts always: it gains nothing. So totals are the sums of their parts.
//   - A range that has not ended is compared with as many days as have begun of it. [Range].Now says when it is
//     asked about; its zero value means that all of it is over.
//   - A day counts as not read once it is over everywhere on earth: platforms label days of their own zones.
//   - Day flows are compared day by day with the days of the previous period that both have: the newest
//     days are not there yet when a range ends today, and 28 days against 30 would look like a fall.
//   - A follower series carries an account's last reading over days without one; else the sum of several
//     accounts would dip whenever one was not read. A day on which no account was read stays null.
//   - [time.Date] may give an hour of the day before where clocks change at midnight (Havana, each March):
//     days begin where day.start says.
//   - Platforms' day labels are compared with the days of the range by name. A Facebook day is a Pacific
//     one; nobody can cut it to another zone. It lies in the range in which a day of that name begins.
//   - Who had a page when a day ended, its readings say, whatever figures they have: the last one before the end that is no
//     back-fill. A client that connects a page reads days that were another one's. account_newest says from when to when
//     each owner has read a page; only where these overlap are the readings themselves looked at.
//   - Rolling windows of days (day, week, days_28) stand in account_months at the day on which they end,
//     like day flows; other windows (months_12) at the day of capture, and are gauges.
//   - TikTok counts no page views of an account; the video views that its posts gained stand in.
//   - A gain of a post belongs to a reading, never to a range: sums of readings answer all questions of what posts gained,
//     and any two of them agree, whatever figures single readings lack. Whether a first figure was gained or is a
//     baseline says the event.
//   - post_gains goes by quarters of an hour because days begin at one in every zone: sums of a few rows a day
//     answer for days of any zone. Only of a quarter inside of which a range or a part of it ends are the readings summed.
//   - A page that moves between two clients of an agency goes on where it was: the gain is the client's at the later
//     reading. A post that both have registered is shown once, under the newest registration that the scope sees.
//     Between agencies everything starts anew.
//   - A post is listed under the member of its last registration: when a connection changes hands, its next listing
//     registers the posts anew and lists move. What a post gained is of the member at the reading, in lists too. So lists
//     also show posts that were read for the caller in the range and are somebody else's now, as the caller's.
//   - Rankings take what each post gained on whole UTC days from post_months: a sum less a sum for each month, where the
//     days would be thirty rows of each post. A plain sum of days took five times as long for posts that are read every 12
//     hours. Of a day that an end of the range cuts, the readings are looked for, post by post, unless there is one only or
//     all came before the end.
//   - A row of post_months holds the sums of one day side by side: fetching a row from memory took rankings longer than adding it up.
//   - Only where gains are known on days beyond an end of the range is its place looked for in a month: else the month has as
//     much as the range. The engagement of a leaderboard is what likes, comments and shares of a post sum up to: one look-up
//     less for each of them.
//   - Readings of a series and of the period before are summed apart: that period has no series, and so no parts to be sorted into.
//   - The first page of a ranking looks registrations up in the order of what posts gained, until it is full: joined with all of
//     them, a ranking took twice as long. Where hundreds have gained alike at the end of the page, 0 mostly, each is looked up.
//   - Gains add up by sum_bigint, an aggregate of the engine's schema: sum hands numeric out, and converting that for every
//     post took a sixth of a ranking's statement.
//   - Lists take the gains of the few posts that they show from the same months, and of the readings in the range look at the
//     first two of each post alone: from when on the gains count is known by then.
//   - A leaderboard takes where members stood in the period before from sums of quarters of an hour, unless a category is asked
//     for: with the same months read twice as far it took twice as long. A rank of then is what the ranking of that period
//     would say.
//   - A prepared statement gets a plan for any parameters after a few runs, made for one row. Those that group
//     thousands are planned each time (queryGrouped); for all others planning would take longer than running.
//   - "$2 is null or column = any($2)" makes PostgreSQL expect next to no rows from such a plan. A plan for the present
//     parameters then looks so much cheaper that it is made every time. So the queries of sources, members and rankings
//     emit a predicate only when there is something to filter (within). A ranking joins its steps by a full join: PostgreSQL
//     would nest another one, thousands by thousands, where it expects few posts. Whatever plan it keeps is as good.
//   - The sources list an account that has left the scope only while it has figures in the answer, and without its
//     present name: who has it now is not this tenant's business.
package analytics
