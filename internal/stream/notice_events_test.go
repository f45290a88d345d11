package stream_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/stream"
)

func TestParseID(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{".0": 0, ".17": 17, ".9223372036854775807": 9223372036854775807} {
		for _, account := range []string{agency, strings.ToUpper(agency)} {
			parent, version, ok := stream.ParseID(account + text)
			require.True(t, ok, text)
			require.Equal(t, agency, parent)
			require.Equal(t, want, version)
		}
	}
	for _, text := range []string{
		"", ".", agency, agency + ".", agency + ".-1", agency + ".+1", agency + ".01", agency + ".1.2", agency + ".1\n",
		agency + ".9223372036854775808", "zzzzzzzzzzzzzzzzzzzzzzzz.1", "short.1", agency + "a.1",
	} {
		_, _, ok := stream.ParseID(text)
		require.False(t, ok, "%q", text)
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
