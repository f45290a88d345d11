package domain

import "embed"

// GoFiles are the source of this package: the API documents say of the types in answers and events what
// their comments say.
//
//go:embed *.go
var GoFiles embed.FS

// Samples are the frozen samples of the events, testdata/<type>[.<variant>].json: every version of every
// type that was ever written.
//
//go:embed testdata/*.json
var Samples embed.FS
