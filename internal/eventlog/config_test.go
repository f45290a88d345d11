package eventlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestConfigTellsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := eventlog.Open(t.Context(), eventlog.Config{
		SASL:   &eventlog.SASLConfig{Mechanism: "KERBEROS"},
		Topics: []eventlog.TopicSpec{{Name: "a", Compacted: true, Chained: true}, {Name: "a", Partitions: 1, ReplicationFactor: 1}},
	})
	for _, fault := range []string{
		"name at least one", `mechanism "KERBEROS"`, "user and password", "partitions is 0", "replication_factor is 0",
		"a chained topic cannot be compacted", `"a" is defined twice`,
	} {
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
	}
	for raw, fault := range map[string]string{
		`[`:                              "unexpected EOF",
		`[]`:                             "none is defined",
		`[{"name":"a","partition":3}]`:   "unknown field",
		`[{"name":"a","partitions":-1}]`: "partitions is -1",
		`[{"name":"","partitions":1}]`:   "has no name",
	} {
		_, err := eventlog.ParseTopics([]byte(raw))
		require.ErrorContains(t, err, fault)
	}
}

func FuzzParseTopics(f *testing.F) {
	f.Add([]byte(`[{"name":"a","partitions":1,"replication_factor":1}]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		specs, err := eventlog.ParseTopics(raw)
		require.Equal(t, err == nil, len(specs) > 0)
	})
}
