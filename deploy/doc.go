// Package deploy contains the files that an installation needs in addition to the binary. It embeds
// the definition of the topics, which the program reads.
//
// It may import only the standard library.
//
// # Notes
//
//   - A partition count in topics.json can never change once the topic contains a record: the
//     partition of a key depends on the count, and the records of a stream in two partitions would
//     have no order.
//   - replication_factor and min.insync.replicas apply to clusters of three or more brokers. With
//     fewer brokers, the program uses values that they can provide.
package deploy
