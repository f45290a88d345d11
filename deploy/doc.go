// Package deploy contains the files that an installation needs in addition to the binary. It embeds
// the part that the program itself reads: the definition of the topics.
//
// It may import only the standard library.
//
// # Notes
//
//   - A partition count in topics.json can never change once the topic contains a record: the
//     partition of a key depends on the count, and a stream split over two partitions has no order.
//   - replication_factor and min.insync.replicas apply to clusters of three or more brokers; on
//     fewer brokers the program requests what they can provide.
package deploy
