// Package tags is the tag key of tests and measurements, and what somebody who has it can write past the log's own clients.
//
// # File map
//
//	tags.go Key, Tag, Produce
package tags
