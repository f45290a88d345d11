package domain

import "embed"

// GoFiles are the source of this package: the API document says of the types in its answers what their
// comments say.
//
//go:embed *.go
var GoFiles embed.FS
