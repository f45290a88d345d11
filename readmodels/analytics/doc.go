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
//   - Figures are combined by their kind: stocks by their last reading, cumulative ones of accounts
//     by differences, of posts by summing the gains that are stored with the readings, day flows by summing the
//     platform's days; rolling ones and reach are shown as read.
//
// It may import readmodels, and may not import commands, projections, watermill or api.
//
// # File map
//
//	analytics.go                 Analytics, RangeQuery, Meta
//	query_context.go             what one answer is made with: its snapshot, its query, and what meta tells
//	range.go                     ranges, days, months and where they begin in a zone
//	samples.go                   one reading of one figure; readings by their day
//	rollups.go raw_readings.go   the two sources of account figures: roll-ups; raw readings at the edges
//	totals.go                    Total: figures combined by kind and compared
//	figures_as_read.go           figures that no total takes
//	sources.go source_gaps.go    status and reason of every social account; what its figures lack
//	account_figures.go           the one path of answers from figures of accounts, and the parts by platform
//	account_insights.go          endpoint 1
//	followers.go                 endpoints 2, 14, 18, and the follower series of 5
//	roi.go roi_costs.go post_views.go  endpoint 3: views, prices, views of videos
//	account_stats.go reach.go    endpoint 4: impressions; reach
//	net_growth.go                endpoint 5
//	activity_meter.go            endpoint 6
//	leaderboard.go               endpoint 7
//	top_posts.go ranking.go      endpoints 8, 22: posts by what their engagement gained
//	posts.go post_list.go        endpoints 9, 10, 12, 17, 19, 21: lists of posts, newest first
//	post_gains.go gain.go        what posts gained over time: the roll-up, and single readings at the edges
//	post_sources.go              which figures the posts behind a list have
//	post_series.go               endpoints 11, 13, 20
//	members.go                   endpoint 15
//	member_growth.go             endpoint 16
//	platform_stats.go            /api/stats: the figures of each platform over time
//	post_activities.go           /api/activities: posts with their latest figures
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
//   - Readings of gauges before a range come from the roll-up of the three days before it. Only accounts that
//     were not read then need raw readings. account_newest tells what the newest reading of an account lacks.
//   - A search for a raw reading before the range looks at the 40 days before it first. The reading table has a
//     partition per month and a default one, so "the last reading ever before" opens every partition.
//   - A reading from before the previous period is no baseline: what a counter gained in two years is not what
//     it gained in June. Without a baseline a counter counts from its first reading in the range, so that totals
//     are the sums of their parts. Posts have baselines of any age: old ones are read every 30 days, and in
//     a range of a week nothing would be left of them.
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
//     one; nobody can cut it to another zone.
//   - Rolling windows of days (day, week, days_28) stand in account_months at the day on which they end,
//     like day flows; other windows (months_12) at the day of capture, and are gauges.
//   - TikTok counts no views of an account; what its videos gained stands in.
//   - A gain of a post belongs to a reading, never to a range: sums of readings answer all questions of what posts gained,
//     and any two of them agree, whatever figures single readings lack. Whether a first figure was gained or is a
//     baseline says the event.
//   - post_gains goes by quarters of an hour because days begin at one in every zone: sums of a few rows a day
//     answer for days of any zone. Only an instant inside of a quarter needs raw readings.
//   - A page that moves between two clients of an agency goes on where it was: the gain is the client's at the later
//     reading. A post that both have registered is shown once, under the newest registration that the scope sees.
//     Between agencies everything starts anew.
//   - A post is listed under the member of its last registration: when a connection changes hands, its next listing
//     registers the posts anew and lists move. What a post gained is of the member at the reading, in lists too.
//   - Rankings sum what each post gained on each whole UTC day, one stretch of an index of post_daily. Only of days that
//     an end of the range cuts are the readings looked for, post by post.
//   - A prepared statement gets a plan for any parameters after a few runs, made for one row. Those that group
//     thousands are planned each time (queryGrouped); for all others planning would take longer than running.
//   - "$2 is null or column = any($2)" makes PostgreSQL expect next to no rows from such a plan. A plan for the present
//     parameters then looks so much cheaper that it is made every time. So the queries of sources, members and rankings
//     emit a predicate only when there is something to filter (within). A ranking keeps its plan (rank), and joins its
//     days by full joins: PostgreSQL would nest left joins, thousands by thousands, where it expects few posts.
//   - The sources list an account that has left the scope only while it has figures in the answer, and without its
//     present name: who has it now is not this tenant's business.
package analytics
