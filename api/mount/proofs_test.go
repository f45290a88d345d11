package mount_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/internal/proof"
)

// A mounted service proves with the keys that it is given, and says so where it has none.
func testProofs(t *testing.T, r running) {
	_, public, err := proof.GenerateKey()
	require.NoError(t, err)
	config := r.config(api.AuthenticatorFunc(func(*http.Request) (api.Principal, error) {
		return api.Principal{UserID: "e10000000000000000000001", AccountID: agency, Roles: api.Roles{api.RoleAuditor}}, nil
	}))
	config.CheckpointPublicKeys = []string{"no key"}
	require.ErrorContains(t, config.Validate(), "Config.CheckpointPublicKeys")
	for status, keys := range map[int][]string{http.StatusServiceUnavailable: nil, http.StatusOK: {public}} {
		config.CheckpointPublicKeys = keys
		boards := open(t, config)
		var answer *httptest.ResponseRecorder
		ask := func() int { answer = get(boards.Handler(), "/api/audit/checkpoints", ""); return answer.Code }
		if ask(); status == http.StatusOK {
			served(ask)
		}
		require.Equal(t, status, answer.Code, answer.Body)
	}
}
