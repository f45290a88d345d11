// Command peers measures libraries that a read model could be built with instead of ledgerboard's
// projections. internal/dev/bench starts broker and database, fills the topic and writes its readings to
// the standard input. Each peer decodes a reading and upserts a row for it, as the examples in its
// documentation do:
//
//   - watermill: a router with one consumer handler, in a consumer group. A message is upserted and
//     acknowledged before the next one of its partition is handled; partitions are handled at the same
//     time. A fetch returns as soon as it has a byte, with up to 1 MiB of a partition, and offsets are
//     committed every second: the defaults.
//   - hallgren/eventsourcing: a post is an aggregate, a reading an event. Its PostgreSQL store is the log,
//     which is filled before anything is timed. A rebuild sends batches of 1,000 upserts, because no one
//     reads the table yet. Otherwise each event is upserted when it is read. Later events are read as soon
//     as they are appended, and every 10 ms. They are appended one at a time, because the projection
//     follows a sequence and would miss an event that commits after a later one, and asynchronously,
//     although the broker fsyncs: durable ones did not keep up.
//
// Rows are committed asynchronously, as by ledgerboard, but without sums, gains and a checkpoint. Times
// begin with the first reading, without joining the group. Registrations of posts cost the peers nothing
// and do not count.
package main
