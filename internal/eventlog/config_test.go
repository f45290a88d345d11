package eventlog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/eventlog"
)

func TestConfigReportsEveryFault(t *testing.T) {
	t.Parallel()
	_, err := eventlog.Open(t.Context(), eventlog.Config{SASL: &eventlog.SASLConfig{Mechanism: "KERBEROS"}})
	for _, fault := range []string{"at least one host:port", `mechanism "KERBEROS"`, "user and password"} {
		require.ErrorContains(t, err, fault)
	}
	_, err = eventlog.ParseTopics([]byte(`[{"name":"a","partition":3}]`))
	require.ErrorContains(t, err, "unknown field")
}
