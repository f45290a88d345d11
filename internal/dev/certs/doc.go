// Package certs makes an authority and certificates for tests that speak TLS to a real server. Nothing of it is ever
// on a disk but in the directory of a test.
//
// It may not import any package of this module.
package certs
