// Package tags has the tag key of tests and measurements. It also writes records as a thief of that key could: past the
// log's own clients.
package tags
