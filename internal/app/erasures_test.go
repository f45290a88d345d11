package app_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/ledgerboard/ledgerboard/commands"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/app"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

// A list of erasures that lacks one is an error: after a restore, its person would not be erased
// again. The others are listed.
func TestUnreadableErasureIsAnErrorInErasureList(t *testing.T) {
	t.Parallel()
	cluster, db := ledgertest.NewBroker(t, nil), pgtest.New(t)
	s, err := app.Open(t.Context(), app.Config{
		Storage: app.Storage{KafkaBrokers: cluster.ListenAddrs(), DatabaseURL: db.URL}, Logger: ledgertest.Quiet,
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	agency, erased := "aaaaaaaaaaaaaaaaaaaaaaaa", domain.PersonErased{User: "d10000000000000000000000"}
	require.NoError(t, s.Log.Append(t.Context(), commands.NewDraft(domain.TopicOperations, agency, erased, time.Now())))
	lines, err := app.Erasures(t.Context(), s.Log)
	require.NoError(t, err)
	require.Len(t, lines, 1)

	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	require.NoError(t, err)
	defer client.Close()
	require.NoError(t, client.ProduceSync(t.Context(), &kgo.Record{
		Topic: domain.TopicOperations, Key: []byte(agency), Value: []byte("{"),
		Headers: []kgo.RecordHeader{{Key: "ce_type", Value: []byte(erased.EventType())}},
	}).FirstErr())
	lines, err = app.Erasures(t.Context(), s.Log)
	require.ErrorIs(t, err, app.ErrUnreadableErasure)
	require.ErrorContains(t, err, "record operations-")
	require.Len(t, lines, 1)
}
