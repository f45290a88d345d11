package assembly_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/assembly"
	"github.com/ledgerboard/ledgerboard/internal/dev/tags"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
	"github.com/ledgerboard/ledgerboard/projections"
	"github.com/ledgerboard/ledgerboard/projections/projectors"
)

// beginEpoch begins an epoch at the end of the log, as a restore does that is cut behind its record.
func beginEpoch(t *testing.T, s assembly.Settings, log *eventlog.Log) domain.EpochBegun {
	t.Helper()
	topics, err := assembly.Topics()
	require.NoError(t, err)
	target, err := eventlog.OpenTarget(t.Context(), eventlog.Config{Brokers: s.Brokers, Topics: topics, TagKey: tags.Key()}, log.Epochs())
	require.NoError(t, err)
	defer target.Close()
	from := map[string][]int64{}
	for _, topic := range topics {
		ranges, _, err := log.Ranges(t.Context(), topic.Name)
		require.NoError(t, err)
		for _, r := range ranges {
			from[topic.Name] = append(from[topic.Name], r.End)
		}
	}
	begun := domain.EpochBegun{Number: 1, Log: eventlog.NewLogID().String(), Key: tags.Key().ID(), Restored: &domain.LogRestored{
		From: from, Backup: time.Now().UTC(), Time: time.Now().UTC(), Actor: "system:operator", Reason: domain.Reason{Code: domain.ReasonIncident},
	}}
	require.NoError(t, target.BeginEpoch(t.Context(), begun))
	return begun
}

// A process that was frozen while the log was restored wakes: its tables are left, it makes none, it says why, and whoever starts with its list is
// refused. A process that finds the epoch in the log takes it over, once, and makes the read models anew.
func TestAProcessOfBeforeARestoreFoldsNothing(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	s, _ := started(t, db)
	frozen := newParts(t, s)
	engines, err := frozen.Engines(t.Context(), projectors.Operations{}.Name())
	require.NoError(t, err)
	log, err := frozen.Log(t.Context())
	require.NoError(t, err)
	run := func(e *projections.Engine) (stop func()) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		return func() { cancel(); require.NoError(t, <-done) }
	}
	live := func(e *projections.Engine, generation int) func() bool {
		return func() bool {
			status, err := e.Status(t.Context())
			return err == nil && status.Generation == generation && status.State == projections.StateLive
		}
	}
	stop := run(engines[0])
	defer func() { stop() }()
	require.Eventually(t, live(engines[0], 1), 5*time.Minute, 10*time.Millisecond)

	begun := beginEpoch(t, s, log)
	after := newParts(t, s)
	again, err := after.Engines(t.Context(), projectors.Operations{}.Name())
	require.NoError(t, err)
	generations := func() (list string) {
		require.NoError(t, db.Pool.QueryRow(t.Context(), `
			select string_agg(generation || state, ',' order by generation) from lb_engine.generations`).Scan(&list))
		return list
	}
	require.Equal(t, "1dropped", generations())
	require.Eventually(t, func() bool {
		status, err := engines[0].Status(t.Context())
		return err == nil && strings.Contains(status.Problem, "a restore has begun epoch 1 of the log (id "+begun.Log+"), and this process judges records by epoch 0")
	}, 5*time.Minute, 10*time.Millisecond)
	require.Equal(t, "1dropped", generations(), "it made none")

	stopAgain := run(again[0])
	require.Eventually(t, live(again[0], 2), 5*time.Minute, 10*time.Millisecond)
	require.NoError(t, log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, "-", domain.DataImported{}, time.Now())))
	newest, err := after.Log(t.Context())
	require.NoError(t, err)
	require.NoError(t, newest.Append(t.Context(), commands.NewDraft(domain.TopicOperations, "-", domain.DataImported{}, time.Now())))
	require.Eventually(t, func() bool { return newest.ForeignCounts()[domain.TopicOperations] == 1 }, 5*time.Minute, 10*time.Millisecond, "the frozen one's record")
	stopAgain()
	_, err = newParts(t, s).Engines(t.Context())
	require.NoError(t, err)
	require.Equal(t, "1dropped,2live", generations(), "it is taken over once")

	_, err = db.Pool.Exec(t.Context(), `insert into kept.epochs (number, log_id, key_id) values (2, repeat('c', 32), repeat('d', 16))`)
	require.NoError(t, err)
	_, err = newParts(t, s).Engines(t.Context())
	require.ErrorContains(t, err, "a restore has begun epoch 2 of the log", "its brokers are those of before")
}
