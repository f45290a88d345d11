// Package sse writes Server-Sent Events for the streams of this program: each block with a deadline of its
// own and flushed, past the buffers of proxies.
//
// # File map
//
//	sse.go  headers, blocks, deadlines; ids that clients come back with
//
// It may not import pgx, watermill, chi or any package above internal, domain excepted.
package sse
