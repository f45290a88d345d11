package eventlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

// Who only looks makes nothing: a log that is not there is an error, and stays away.
func TestOpenExisting(t *testing.T) {
	t.Parallel()
	_, brokers := newCluster(t)
	ctx := testContext(t)
	config := newConfig(t, brokers)
	config.Existing = true
	_, err := eventlog.Open(ctx, config)
	require.ErrorIs(t, err, eventlog.ErrNoTopic)
	_, admin := newAdmin(t, brokers)
	topics, err := admin.ListTopics(ctx)
	require.NoError(t, err)
	require.Empty(t, topics.Names(), "nothing was created")

	setup(t, brokers, func(c *eventlog.Config) { c.TopicOverrides = config.TopicOverrides })
	log, err := eventlog.Open(ctx, config)
	require.NoError(t, err)
	require.NoError(t, log.Close())
}
