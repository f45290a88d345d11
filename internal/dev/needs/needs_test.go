package needs_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// outcome records what becomes of a test.
type outcome struct {
	testing.TB
	left, failed bool
}

func (o *outcome) Helper()               {}
func (o *outcome) Skipf(string, ...any)  { o.left = true }
func (o *outcome) Fatalf(string, ...any) { o.failed = true }

func TestAMissingProgramLeavesTheTestOutUnlessInCI(t *testing.T) {
	for ci, want := range map[string]outcome{"": {left: true}, "true": {failed: true}} {
		t.Setenv("CI", ci)
		var there, missing outcome
		needs.Programs(&there, "go")
		require.Equal(t, outcome{}, there)
		needs.Programs(&missing, "go", "no-such-program-anywhere")
		require.Equal(t, want, missing, "CI=%q", ci)
	}
}
