// Package produce writes records past the log's own clients, right or wrong, for tests.
package produce
