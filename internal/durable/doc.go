// Package durable makes what was done to files outlive a power cut.
//
// It may import the standard library only, so that every package may use it.
//
// # File map
//
//	dir.go   names in a directory
//	file.go  a small file, replaced in one step
package durable
