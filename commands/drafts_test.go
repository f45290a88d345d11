package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
)

// Of an entity the latest state counts: one of the future would count until then, whatever is told of it meanwhile.
func TestLineOfTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	lineOf := func(at time.Time) []byte {
		return []byte(`{"type":"directory.category.v1","updated_at":"` + at.Format(time.RFC3339) + `","data":{"id":4,"name":"Events"}}`)
	}
	drafts, err := commands.EntityLine(lineOf(day0.Add(commands.MaxSkew)), domain.NewRegistry(), day0)
	require.NoError(t, err, "clocks differ a little")
	require.Equal(t, day0.Add(commands.MaxSkew), drafts[0].Envelope.Time)
	_, err = commands.EntityLine(lineOf(day0.Add(commands.MaxSkew+time.Second)), domain.NewRegistry(), day0)
	require.ErrorContains(t, err, "lies in the future")
}
