package projectors_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// What is packed as a UUID must come back letter for letter: any other spelling of one is kept as a text.
func TestOnlyCanonicalUUIDsArePacked(t *testing.T) {
	t.Parallel()
	const canonical = "0198e6a2-7c4f-7d11-9a53-0f6b2c8d9e10"
	taken := 0
	check := func(t require.TestingT, text string) {
		parsed, err := uuid.Parse(text)
		id, packed := projectors.ParseUUID(text)
		require.Equal(t, err == nil && parsed.String() == text, packed, text)
		if packed {
			require.Equal(t, text, id.String())
			taken++
		}
	}
	for _, text := range []string{
		"", canonical, "0198E6A2-7C4F-7D11-9A53-0F6B2C8D9E10", "{" + canonical + "}", "urn:uuid:" + canonical, "0198e6a27c4f7d119a530f6b2c8d9e10",
	} {
		check(t, text)
	}
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(canonical)
		text[rapid.IntRange(0, len(text)-1).Draw(t, "at")] = rapid.SampledFrom([]byte("0f-gAF{ ")).Draw(t, "letter")
		check(t, string(text))
	})
	require.Greater(t, taken, 1)
}
