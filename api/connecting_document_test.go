package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// The program of docs/connecting.md, exactly as printed there, in Node: valid lines are sent, invalid ones come back with a reason, and
// once more it tells nothing twice.
func TestProgramOfTheConnectingDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "docs", "connecting.md"))
	require.NoError(t, err)
	printed := regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindSubmatch(document)
	require.NotNil(t, printed, "the document has a block of js")
	file := filepath.Join(t.TempDir(), "tell.mjs")
	require.NoError(t, os.WriteFile(file, printed[1], 0o600))
	log := setupTenants(t).facts
	platform := holders{"PAGESTOKEN": {PersonID: "90011", Offered: []platforms.Offered{
		{Platform: domain.Facebook, ExternalID: "90011", AccessToken: "PAGESTOKEN", MayRead: true},
	}}}
	b := setup(t, func(d *api.Deps) { d.Directory, d.MainApp = directoryDeps(log, false), mainAppDeps(t, log, platform) })
	b.facts = log
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	for changed := range 2 {
		out := runNode(t, file, "LEDGERBOARD_URL="+server.URL, "LEDGERBOARD_TOKEN="+b.tokenOf("main_app"), "PAGE_TOKEN=PAGESTOKEN")
		var said struct {
			Refused  [][]string         `json:"refused"`
			Page     connect.Registered `json:"page"`
			Replaced bool               `json:"replaced"`
		}
		require.NoError(t, json.Unmarshal(out, &said), "%s", out)
		require.Equal(t, [][]string{{"jonas", `id "jonas" is not an id of 24 hex digits`}}, said.Refused)
		require.Equal(t, domain.RegisteredConnection("a0000000000000000000000a", domain.Facebook, 0, "90011"), said.Page.ConnectionID)
		require.Equal(t, []bool{changed == 0, changed == 1}, []bool{said.Page.Changed, said.Replaced})
	}
	status, client := b.entity("account/c0000000000000000000000c")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Corner Bakery", client["data"].(map[string]any)["name"])
	status, _ = b.entity("member/907")
	require.Equal(t, http.StatusOK, status)
}
