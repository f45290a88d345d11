package main

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/vault"
)

// What nobody of ours wrote is shown to people and to programs.
func TestLogShowsForeignRecords(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	show := func(asJSON bool) string {
		var said bytes.Buffer
		command := logCommand{storage: a.storage(), logging: logging{LogLevel: "error"}, JSON: asJSON}
		require.NoError(t, command.Run(t.Context(), streams{Out: &said, Err: &said}))
		return said.String()
	}
	require.Contains(t, show(true), `"foreign":[]`)
	require.NotContains(t, show(false), "Foreign records")

	pool, err := a.parts.Vault(t.Context())
	require.NoError(t, err)
	seen := time.Date(2026, 3, 14, 12, 0, 0, 0, time.UTC)
	store := vault.NewForeignRecords(pool, a.log.Epoch().Log.String())
	planted := domain.ForeignRecord{Position: domain.Position{Topic: domain.TopicMetrics, Partition: 4, Offset: 7}, Reason: "it has no tag", Seen: seen}
	require.NoError(t, store.Keep(t.Context(), []domain.ForeignRecord{planted}))
	var report logReport
	require.NoError(t, json.Unmarshal([]byte(show(true)), &report))
	require.Len(t, report.Topics, len(a.log.Codec().Topics()))
	require.Len(t, report.Foreign, 1)
	require.True(t, report.Foreign[0].Seen.Equal(seen))
	report.Foreign[0].Seen = seen
	require.Equal(t, planted, report.Foreign[0])
	require.Contains(t, show(false), "it has no tag")
}

// An agency is told what of its own lies in the log and not in the history, and what claims to be; of all else how much there is.
func TestWhatIsOutsideTheHistoryOfAnAgency(t *testing.T) {
	t.Parallel()
	a := newAudited(t, 3)
	desk, err := a.parts.Desk(t.Context())
	require.NoError(t, err)
	agency, other := auditedAgencies[0], auditedAgencies[1]
	none, err := desk.Excluded(t.Context(), agency)
	require.NoError(t, err)
	raw, err := json.Marshal(none)
	require.NoError(t, err)
	require.JSONEq(t, `{"parked":[],"foreign":{"claiming":[],"claiming_count":0,"others_count":0,"more":false}}`, string(raw))

	pool, err := a.parts.Vault(t.Context())
	require.NoError(t, err)
	at := func(topic string, offset int64, claims string) domain.ForeignRecord {
		home := int32(0)
		for _, spec := range a.log.Codec().Topics() {
			if spec.Name == topic {
				home = eventlog.PartitionOf([]byte(agency), spec.Partitions)
			}
		}
		return domain.ForeignRecord{
			Position: domain.Position{Topic: topic, Partition: home, Offset: offset}, Reason: "it has no tag", Seen: time.Unix(1, 0).UTC(), Claims: claims,
		}
	}
	require.NoError(t, vault.NewForeignRecords(pool, a.log.Epoch().Log.String()).Keep(t.Context(), []domain.ForeignRecord{
		at(domain.TopicOperations, 2, agency), at(domain.TopicDashboards, 1, agency), at(domain.TopicDashboards, 3, other), at(domain.TopicDashboards, 4, ""),
		at(domain.TopicMetrics, 5, agency), // which is no agency there
	}))
	for offset, key := range []string{other, agency} {
		_, err = a.db.Pool.Exec(t.Context(), `
			insert into parked (projection, generation, partition, log_offset, stream_key, event_type, event_id, reason, detail, state)
			values ('dashboards', 1, 0, $1, $2, 'x', 'x', 'undecodable', 'x', 'parked')`, 900+offset, key)
		require.NoError(t, err)
	}
	found, err := desk.Excluded(t.Context(), agency)
	require.NoError(t, err)
	require.Len(t, found.Parked, 1)
	require.Equal(t, []any{agency, int64(901)}, []any{found.Parked[0].Stream, found.Parked[0].Offset})
	require.Equal(t, []any{int64(2), int64(2), false}, []any{found.Foreign.Records, found.Foreign.Others, found.Foreign.More})
	require.Len(t, found.Foreign.Claiming, 2)
	require.Equal(t, []string{domain.TopicDashboards, domain.TopicOperations}, []string{found.Foreign.Claiming[0].Topic, found.Foreign.Claiming[1].Topic})
}
