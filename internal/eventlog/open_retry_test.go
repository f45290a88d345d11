package eventlog_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// A topic that is not safe is told at once, whatever brokers said of another one meanwhile. What passes is tried again, and the log says so
// once.
func TestUnsafeTopicsAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var told bytes.Buffer
		log := slog.New(slog.NewTextHandler(&told, nil))
		tries := 0
		err := eventlog.Settled(t.Context(), log, func(context.Context) error {
			tries++
			return errors.Join(fmt.Errorf("%w x", eventlog.ErrUnsafeTopic), kerr.NotLeaderForPartition)
		})
		require.ErrorIs(t, err, eventlog.ErrUnsafeTopic)
		require.Equal(t, 1, tries)
		require.Empty(t, told.String())
		require.NoError(t, eventlog.Settled(t.Context(), log, func(context.Context) error {
			if tries++; tries < 5 {
				return kerr.NotLeaderForPartition
			}
			return nil
		}))
		require.Equal(t, 1, strings.Count(told.String(), "it is tried again"), told.String())
	})
}
