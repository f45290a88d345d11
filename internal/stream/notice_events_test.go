package stream_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		version int64
		ok      bool
	}{
		agency + ".0":                    {0, true},
		agency + ".17":                   {17, true},
		"AAAAAAAAAAAAAAAAAAAAAAAA.17":    {17, true},
		agency:                           {},
		agency + ".":                     {},
		agency + ".-1":                   {},
		agency + ".+1":                   {},
		agency + ".01":                   {},
		agency + ".1.2":                  {},
		agency + ".99999999999999999999": {},
		"zzzzzzzzzzzzzzzzzzzzzzzz.1":     {},
		"short.1":                        {},
		"":                               {},
		".":                              {},
		agency + ".1\n":                  {},
		"aaaaaaaaaaaaaaaaaaaaaaaaa.1":    {},
		agency + ".9223372036854775807":  {9223372036854775807, true},
		agency + ".9223372036854775808":  {},
	} {
		parent, version, ok := stream.ParseID(text)
		require.Equal(t, want.ok, ok, "%q", text)
		require.Equal(t, want.version, version, "%q", text)
		if ok {
			require.Equal(t, agency, parent)
		}
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(agency + ".17")
	f.Add("x.y")
	f.Fuzz(func(t *testing.T, text string) {
		parent, version, ok := stream.ParseID(text)
		if !ok {
			return
		}
		again, sameVersion, ok := stream.ParseID(stream.FormatID(parent, version))
		require.True(t, ok)
		require.Equal(t, parent, again)
		require.Equal(t, version, sameVersion)
	})
}
