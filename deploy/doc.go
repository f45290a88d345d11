// Package deploy holds what an installation needs beside the binary, and embeds the part of it that
// the program itself reads: the definition of the topics.
//
// It may import nothing but the standard library.
//
// # Non-obvious
//
//   - A partition count in topics.json can never change once the topic holds a record: the partition
//     of a key is a function of the count, and a stream split over two partitions has no order.
//   - replication_factor and min.insync.replicas are what a cluster of three or more brokers gets; on
//     fewer brokers the program asks for what they can hold.
package deploy
