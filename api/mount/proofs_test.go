package mount_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/api/mount"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A mounted service proves with the keys that it is given, and says so where it has none.
func TestMountedProofs(t *testing.T) {
	t.Parallel()
	_, public, err := proof.GenerateKey()
	require.NoError(t, err)
	config := runBeside(t).config(api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
		return api.Principal{UserID: "e10000000000000000000001", AccountID: agency, Roles: api.Roles{api.RoleAuditor}}, nil
	}))
	config.CheckpointPublicKeys = []string{"no key"}
	require.ErrorContains(t, config.Validate(), "Config.CheckpointPublicKeys")
	for status, keys := range map[int][]string{http.StatusServiceUnavailable: nil, http.StatusOK: {public}} {
		config.CheckpointPublicKeys = keys
		boards, err := mount.Open(t.Context(), config)
		require.NoError(t, err)
		ran := make(chan error, 1)
		go func() { ran <- boards.Run(t.Context()) }()
		require.Eventually(t, func() bool { return get(boards.Handler(), "/readyz", "").Code == http.StatusOK }, patience, often)
		answer := get(boards.Handler(), "/api/audit/checkpoints", "")
		if status == http.StatusOK {
			served(func() int { answer = get(boards.Handler(), "/api/audit/checkpoints", ""); return answer.Code })
		}
		require.Equal(t, status, answer.Code, answer.Body)
		require.NoError(t, boards.Close())
		require.NoError(t, <-ran)
	}
}
