package operations_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/internal/operations"
	"github.com/ledgerboard/ledgerboard/internal/operator"
)

// The waiting events are read after the skip is in the log. An error then sets Unknown but does not
// fail the skip.
func TestWaitingEventsAfterASkip(t *testing.T) {
	t.Parallel()
	before := []operator.ParkedEvent{{ID: "a"}, {ID: "b"}}
	result := operator.SkipResult{}
	effect := operations.AddWaiting(&result, before, []operator.ParkedEvent{{ID: "b", Reason: "refused", Detail: "d"}}, nil)
	require.Equal(t, commands.Effect{Count: 1, Left: 1}, effect)
	require.Equal(t, operator.SkipResult{Folded: 1, Parked: []operator.StillParked{{ID: "b", Reason: "refused", Detail: "d"}}}, result)

	result = operator.SkipResult{}
	require.Zero(t, operations.AddWaiting(&result, before, nil, errors.New("the database went away")))
	require.Equal(t, operator.SkipResult{Unknown: true}, result)
}
