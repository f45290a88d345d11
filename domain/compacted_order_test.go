package domain_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
)

func TestCompactedRecordReplaces(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	content, tombstone := domain.CompactedRecord{At: at}, domain.CompactedRecord{At: at, Erased: true}
	later := domain.CompactedRecord{At: at.Add(time.Microsecond)}
	require.True(t, later.Replaces(content))
	require.True(t, later.Replaces(tombstone))
	require.False(t, content.Replaces(later))
	require.False(t, tombstone.Replaces(later))
	require.False(t, content.Replaces(content), "of one time the first counts")
	require.True(t, tombstone.Replaces(content), "but a tombstone stands before content of its time")
	require.False(t, content.Replaces(tombstone))
	require.False(t, tombstone.Replaces(tombstone))
	require.False(t, domain.CompactedRecord{At: at.Add(time.Nanosecond)}.Replaces(content), "tables keep microseconds")
}
