// Package durable makes what was done to files outlive a power cut.
//
// It may import the standard library only, so that every package may use it.
package durable
