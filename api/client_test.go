package api_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

func unpack(t *testing.T, packed io.Reader) map[string]string {
	t.Helper()
	unzipped, err := gzip.NewReader(packed)
	require.NoError(t, err)
	files := map[string]string{}
	for archive := tar.NewReader(unzipped); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		require.NoError(t, err)
		content, err := io.ReadAll(archive)
		require.NoError(t, err)
		files[header.Name] = string(content)
	}
}

// The served package equals the output of npm pack byte for byte, except for its version.
func TestServedClientEqualsNpmPack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	served := b.ask(http.MethodGet, "http://boards.example:7001/client.tgz", "")
	require.Equal(t, http.StatusOK, served.status)
	require.Equal(t, "application/gzip", served.header.Get("Content-Type"))
	require.Equal(t, served.body, setup(t).ask(http.MethodGet, "http://boards.example:7001/client.tgz", "").body)
	files := unpack(t, strings.NewReader(served.body))
	script := b.ask(http.MethodGet, "/client.js", "")
	require.Equal(t, "text/javascript; charset=utf-8", script.header.Get("Content-Type"))
	require.Equal(t, files["package/index.js"], script.body)
	require.Contains(t, script.body, "export class Client")

	require.Contains(t, files["package/README.md"], "npm install http://boards.example:7001/client.tgz")
	require.NotContains(t, files["package/README.md"], "6001")
	files["package/README.md"] = strings.ReplaceAll(files["package/README.md"], "http://boards.example:7001", "http://localhost:6001")

	needs.Programs(t, "node", "npm")
	into := t.TempDir()
	pack := exec.Command("npm", "pack", "--json", "--loglevel=error", "--ignore-scripts", "--pack-destination", into)
	pack.Dir, pack.Stderr = "typescript", os.Stderr
	said, err := pack.Output()
	require.NoError(t, err)
	var packed []struct{ Filename string }
	require.NoError(t, json.Unmarshal(said, &packed))
	archive, err := os.Open(filepath.Join(into, packed[0].Filename))
	require.NoError(t, err)
	defer archive.Close()
	as := unpack(t, archive)
	version := regexp.MustCompile(`"version": "1\.0\.0(-c[0-9a-f]{12})"`).FindStringSubmatch(files["package/package.json"])
	require.NotNil(t, version, files["package/package.json"])
	files["package/package.json"] = strings.Replace(files["package/package.json"], version[1], "", 1)
	require.Equal(t, as, files)
}

// A different client has a different version.
func TestClientVersionDependsOnItsFiles(t *testing.T) {
	t.Parallel()
	files := fstest.MapFS{}
	for _, name := range []string{"package.json", "index.js", "index.d.ts", "schema.d.ts"} {
		files[name] = &fstest.MapFile{Data: []byte(name)}
	}
	seen := map[string]bool{}
	for _, changed := range []string{"", "package.json", "index.js", "index.d.ts", "schema.d.ts"} {
		if changed != "" {
			files[changed] = &fstest.MapFile{Data: []byte("other " + changed)}
		}
		version, err := api.ClientVersion(files)
		require.NoError(t, err)
		require.False(t, seen[version], changed)
		seen[version] = true
	}
}

// runNode runs a script and returns its output.
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

// The typed client's functions for connecting work with the real use cases.
func TestClientConnects(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "node")
	log := setupTenants(t).facts
	deps := mainAppDeps(t, log, onePage)
	b := setup(t, func(d *api.Deps) { d.Connect, d.MainApp = connectDesk(t, log, time.Now), deps })
	server := b.serve()
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

// The program in docs/connecting.md runs in Node, unchanged, twice.
func TestProgramOfTheConnectingDocument(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "docs", "connecting.md"))
	require.NoError(t, err)
	printed := regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindSubmatch(document)
	require.NotNil(t, printed, "the document has a block of js")
	file := filepath.Join(t.TempDir(), "tell.mjs")
	require.NoError(t, os.WriteFile(file, printed[1], 0o600))
	log := setupTenants(t).facts
	b := setup(t, func(d *api.Deps) { d.Directory, d.MainApp = directoryDeps(log, false), mainAppDeps(t, log, onePage) })
	b.facts = log
	server := b.serve()
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
