// Command bench measures ledgerboard next to the limit of what it is built on, in the same run on the same
// machine. It prints one JSON object a line, {"name","value","unit","limit","ratio"}, and a table on stderr.
// Machines are shared and noisy: each figure is the median of several rounds, and the ratio is what counts.
// With -before DIR, an older checkout, each measurement also runs there, just before, and the table
// shows both. Without -run it measures the core, in at most ten minutes.
//
// The limits:
//
//   - PUTs: the same records appended by as many callers; nothing loaded, decided, projected or awaited.
//   - append to readable: the time until a plain consumer of the same log has the record.
//   - replay, and a stream that is folded again: a plain consumer that reads the same records. The time for
//     which the stream's partition is locked has no limit.
//   - analytics: the statements of the same request, sent again one after the other, their rows discarded.
//     Three worlds: each post read every 12 hours for 50 days, an agency's year with the fetcher's
//     intervals, and 100,000 posts. -days 365 -tz Asia/Kolkata asks for other ranges.
//     -run '^analytics$' measures a million readings, -run 'analytics_0[178]' three endpoints,
//     -agencies 50 ten million.
//   - questions: the SQL of docs/sql.md at a million readings of posts and half a million of accounts, of 50
//     agencies, of one, and of one client, next to the processor time of the database.
//   - rebuild: the rows of the finished tables, held in memory as COPY sends them, copied by as many
//     connections as the rebuild uses, then the same keys, indexes and VACUUM ANALYZE.
//     -run '^rebuild_' -rebuild-scale 1 rebuilds two million readings.
//   - live projection: the rows that it copies and the batched upserts that it sends, prepared
//     beforehand and sent again on a connection for each partition.
//
// Without a limit:
//
//   - peers: -run '^peers$' measures a watermill consumer and hallgren/eventsourcing with the readings of
//     the live projection. Their module says how.
//   - build_memory: the largest resident set and the processor time of a process that only builds, or
//     checks, the tables of post readings. -rebuild-scale 0.5 builds a million.
//   - size_…: bytes of a reading: on a broker for the demo's readings, in each table
//     and its indexes for readings whose values change all the time, with the rate at which they are folded.
//   - idle_listeners: resident memory of each of 10,000 idle streams of notices, and the transactions of the
//     database for all of them.
//
// All writers, ours and the limits', commit asynchronously, as the projections do. Garbage is collected
// as often as in the program, unless GOGC is set. The broker fsyncs every append, as in demo.
//
// A measurement is a benchmark of package testing, so that it shares the fixtures of tests; see bench.
package main
