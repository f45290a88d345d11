package eventlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := eventlog.Open(t.Context(), eventlog.Config{SASL: &eventlog.SASLConfig{Mechanism: "KERBEROS"}})
	for _, fault := range []string{"at least one host:port", `mechanism "KERBEROS"`, "user and password"} {
		require.ErrorContains(t, err, fault)
	}
}

func TestParseTopics(t *testing.T) {
	t.Parallel()
	specs := deployedTopics(t)
	require.Len(t, specs, 5)
	for _, s := range specs {
		require.Equal(t, s.Name == domain.TopicDashboards, s.Chained)
		require.Equal(t, s.Name == domain.TopicDirectory || s.Name == domain.TopicContents, s.Compacted)
		require.Equal(t, int16(3), s.ReplicationFactor)
		require.Positive(t, s.Partitions)
	}
	_, err := eventlog.ParseTopics([]byte(`[{"name":"a","partition":3}]`))
	require.ErrorContains(t, err, "unknown field")
}
