// Package deploy holds what an installation needs beside the binary, and embeds the part of it that
// the program itself reads: the definition of the topics.
//
// It may import nothing but the standard library.
//
// # File map
//
//	deploy.go    the embedded files
//	topics.json  the topics of the log: partition counts (fixed for ever), replication, settings
//	Dockerfile, Dockerfile.dockerignore  static image without shell or libc, not root
//	compose.yaml  the image with Apache Kafka and PostgreSQL on one machine; a test of cmd/ledgerboard compares it with the program's
//	              settings
//	ledgerboard.service  systemd unit
//	kafka        starts one or three brokers of Apache Kafka on this machine, for tests and for trying things
//	ledgerboard.env.example  every setting that an installation may set, for both
//
// # Non-obvious
//
//   - A partition count in topics.json can never change once the topic holds a record: the partition
//     of a key is a function of the count, and a stream split over two partitions has no order.
//   - replication_factor and min.insync.replicas are what a cluster of three or more brokers gets; on
//     fewer brokers the program asks for what they can hold.
package deploy
