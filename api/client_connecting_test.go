package api_test

import (
	"bytes"
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/internal/platforms"
)

// runNode runs a script, and returns what it prints.
func runNode(t *testing.T, script string, env ...string) []byte {
	t.Helper()
	node := exec.CommandContext(t.Context(), "node", script)
	node.Env = append(os.Environ(), env...)
	var problems bytes.Buffer
	node.Stderr = &problems
	out, err := node.Output()
	require.NoError(t, err, "%s", &problems)
	return out
}

// The typed client's functions of connecting, each against the real use cases.
func TestClientConnects(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "node")
	log := setupTenants(t).facts
	deps := mainAppDeps(t, log, holders{"PAGESTOKEN": {PersonID: "90011", Offered: []platforms.Offered{
		{Platform: domain.Facebook, ExternalID: "90011", AccessToken: "PAGESTOKEN", MayRead: true},
	}}})
	b := setup(t, func(d *api.Deps) { d.Connect, d.MainApp = connectDesk(t, log, time.Now), deps })
	server := httptest.NewServer(b.server)
	t.Cleanup(server.Close)
	client, err := filepath.Abs(filepath.Join("typescript", "index.js"))
	require.NoError(t, err)
	script := filepath.Join(t.TempDir(), "connect.mjs")
	require.NoError(t, os.WriteFile(script, []byte(`
const { Client } = await import(process.env.CLIENT);
const staff = new Client({ baseUrl: process.env.BASE, token: process.env.STAFF });
const app = new Client({ baseUrl: process.env.BASE, token: process.env.APP });
const account = process.env.ACCOUNT, said = {};
const begun = await staff.connect({ platform: 1, account });
said.step = (await staff.connecting(begun.id)).step;
const link = await staff.makeConnectLink({ account, platforms: [1, 4], days: 7 });
said.links = (await staff.connectLinks()).map((l) => l.id === link.id && l.revoked_at === null);
said.revoked = (await staff.revokeConnectLink(link.id)).revoked_at !== null;
const page = await app.registerPage({ account, platform: 1, external_id: "90011", name: "Harbour Bakery" });
said.stored = (await app.handOverTokens(page.connection_id, { access_token: "PAGESTOKEN" })).replaced;
said.refused = await app.handOverTokens(page.connection_id, { access_token: "another" }).catch((err) => err.status + " " + err.errors[0].field);
said.disconnected = (await staff.disconnect(page.social_account_id)).social_account_id === page.social_account_id;
console.log(JSON.stringify(said));
`), 0o600))
	out := runNode(t, script, "CLIENT=file://"+client, "BASE="+server.URL, "STAFF="+b.agencyToken(), "APP="+b.tokenOf("main_app"), "ACCOUNT="+client1)
	var said map[string]any
	require.NoError(t, json.Unmarshal(out, &said), "%s", out)
	require.Equal(t, map[string]any{
		"step": "begun", "links": []any{true}, "revoked": true, "stored": false, "refused": "422 access_token", "disconnected": true,
	}, said)
	_, err = secretsOf(t, log).Get(t.Context(), domain.RegisteredSecretRef(domain.RegisteredConnection(agency, domain.Facebook, 0, "90011")))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "with the page its tokens are gone")
}
