package api_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
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

	"github.com/go-chi/chi/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/api"
	"github.com/ledgerboard/ledgerboard/commands/connect"
	"github.com/ledgerboard/ledgerboard/domain"
	"github.com/ledgerboard/ledgerboard/internal/dev/apitest"
	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
	"github.com/ledgerboard/ledgerboard/readmodels"
	"github.com/ledgerboard/ledgerboard/readmodels/analytics"
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

// Only CI runs npm to compare the types with the document, so this test says at once that they are
// out of date.
func TestTypesWereGeneratedFromTheDocument(t *testing.T) {
	types, err := os.ReadFile("typescript/schema.d.ts")
	require.NoError(t, err)
	document, err := os.ReadFile("openapi.json")
	require.NoError(t, err)
	_, from, _ := strings.Cut(string(types), "// Generated from openapi.json, SHA-256 ")
	require.Equal(t, fmt.Sprintf("%x\n", sha256.Sum256(document)), from, "typescript/schema.d.ts is out of date: run make generate")
}

// The served package equals the output of npm pack byte for byte, except for its version.
func TestServedClientEqualsNpmPack(t *testing.T) {
	t.Parallel()
	b := setup(t)
	served := b.ask(http.MethodGet, "http://boards.example:7001/client.tgz", "").Says(t, http.StatusOK)
	require.Equal(t, "application/gzip", served.Header.Get("Content-Type"))
	require.Equal(t, served.Body, setup(t).ask(http.MethodGet, "http://boards.example:7001/client.tgz", "").Body)
	files := unpack(t, strings.NewReader(served.Body))
	script := b.ask(http.MethodGet, "/client.js", "")
	require.Equal(t, "text/javascript; charset=utf-8", script.Header.Get("Content-Type"))
	require.Equal(t, files["package/index.js"], script.Body)
	require.Contains(t, script.Body, "export class Client")

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
		version := api.ClientVersion(files)
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
func TestTypedClientConnectsAccounts(t *testing.T) {
	t.Parallel()
	needs.Programs(t, "node")
	log := tenants(t)
	deps := mainAppDeps(t, log, onePage)
	b := setup(t, func(d *api.Deps) { d.Connect, d.MainApp = connectDesk(t, log, time.Now), deps })
	base := b.serve()
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
	out := runNode(t, script, "CLIENT=file://"+client, "BASE="+base, "STAFF="+b.agencyToken(), "APP="+b.tokenOf("main_app"), "ACCOUNT="+client1)
	var said map[string]any
	require.NoError(t, json.Unmarshal(out, &said), "%s", out)
	require.Equal(t, map[string]any{
		"step": "begun", "links": []any{true}, "revoked": true, "stored": false, "refused": "422 access_token", "disconnected": true,
	}, said)
	_, err = secretsOf(t, log).Get(t.Context(), domain.HandedOverRef(domain.HandedOverGrant(domain.PageRef{Platform: domain.Facebook, ExternalID: "90011"}).ConnectionID(agency)))
	require.Equal(t, domain.CodeNotFound, domain.CodeOf(err), "with the page its tokens are gone")
}

// The program in docs/connecting.md runs in Node, unchanged, twice.
func TestProgramInConnectingGuideRuns(t *testing.T) {
	t.Parallel()
	document, err := os.ReadFile(filepath.Join("..", "docs", "connecting.md"))
	require.NoError(t, err)
	printed := regexp.MustCompile("(?ms)^```js\n(.*?)^```$").FindSubmatch(document)
	require.NotNil(t, printed, "the document has a block of js")
	file := filepath.Join(t.TempDir(), "tell.mjs")
	require.NoError(t, os.WriteFile(file, printed[1], 0o600))
	log := tenants(t)
	b := setup(t, func(d *api.Deps) { d.Directory, d.MainApp = directoryDeps(log, false), mainAppDeps(t, log, onePage) })
	b.facts = log
	base := b.serve()
	for changed := range 2 {
		out := runNode(t, file, "LEDGERBOARD_URL="+base, "LEDGERBOARD_TOKEN="+b.tokenOf("main_app"), "PAGE_TOKEN=PAGESTOKEN")
		var said struct {
			Refused  [][]string         `json:"refused"`
			Page     connect.Registered `json:"page"`
			Replaced bool               `json:"replaced"`
		}
		require.NoError(t, json.Unmarshal(out, &said), "%s", out)
		require.Equal(t, [][]string{{"jonas", `id must be 24 hex digits`}}, said.Refused)
		require.Equal(t, domain.HandedOverGrant(domain.PageRef{Platform: domain.Facebook, ExternalID: "90011"}).ConnectionID("a0000000000000000000000a"), said.Page.ConnectionID)
		require.Equal(t, []bool{changed == 0, changed == 1}, []bool{said.Page.Changed, said.Replaced})
	}
	status, client := b.entity("account/c0000000000000000000000c")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "Corner Bakery", client["data"].(map[string]any)["name"])
	status, _ = b.entity("member/907")
	require.Equal(t, http.StatusOK, status)
}

// A browser may send every header that this API knows to every route, and read every header that it
// answers.
func TestEveryRouteAnswersCORSPreflight(t *testing.T) {
	t.Parallel()
	const origin = "https://app.example.com"
	b := setupAll(t, func(d *api.Deps) { d.Config.CORSOrigins, d.Operators = []string{origin}, &apitest.Operators{} })
	methods := map[string]bool{}
	for _, route := range b.server.Routes() {
		for _, header := range []string{
			"authorization", "if-match", "if-none-match", "if-preview", "idempotency-key", "last-event-id", "content-type", "accept", "x-request-id", "traceparent",
		} {
			answer := b.ask(http.MethodOptions, pathOf(route.Pattern), "", "Origin: "+origin,
				"Access-Control-Request-Method: "+route.Method, "Access-Control-Request-Headers: "+header)
			require.Equal(t, http.StatusOK, answer.Status, "%s %s", route.Method, route.Pattern)
			require.Equal(t, origin, answer.Header.Get("Access-Control-Allow-Origin"))
			require.Equal(t, route.Method, answer.Header.Get("Access-Control-Allow-Methods"))
			require.Equal(t, header, strings.ToLower(answer.Header.Get("Access-Control-Allow-Headers")))
		}
		methods[route.Method] = true
	}
	require.Len(t, methods, 3, "GET, PUT, POST")
	exposed := b.get("/nowhere", b.agencyToken(), "Origin: "+origin).Header.Get("Access-Control-Expose-Headers")
	for _, header := range []string{
		"ETag", "RateLimit", "RateLimit-Policy", "Retry-After", "Link", "Idempotency-Replayed", "Command-Id", "Content-Disposition",
		"Allow", "X-Request-Id", "X-Ledgerboard-Mock",
	} {
		require.Contains(t, strings.Split(strings.ToLower(exposed), ", "), strings.ToLower(header))
	}
}

// HEAD says what GET would; OPTIONS and 405 say what there is.
func TestHEADOptionsAnd405OnEveryRoute(t *testing.T) {
	t.Parallel()
	b := setupAll(t)
	b.views[agency+"/"+client1] = view(client1, 3)
	for _, route := range b.server.Routes() {
		path, token := pathOf(route.Pattern), "Authorization: Bearer "+b.agencyToken()
		options := b.ask(http.MethodOptions, path, "").Says(t, http.StatusNoContent)
		require.Contains(t, strings.Split(options.Header.Get("Allow"), ", "), route.Method)
		refused := b.ask(http.MethodPatch, path, "", token).Says(t, http.StatusMethodNotAllowed)
		require.Equal(t, options.Header.Get("Allow"), refused.Header.Get("Allow"))
		require.Equal(t, "method_not_allowed", refused.Failure(t).Code)
		if route.Method != http.MethodGet || strings.HasPrefix(route.Pattern, "/socket.io") {
			continue
		}
		if route.Pattern == "/api/notices" || route.Pattern == "/api/live" || strings.HasSuffix(route.Pattern, "/export") ||
			route.Pattern == "/api/audit/bundle" || route.Pattern == "/api/ops/erasures" {
			require.Equal(t, http.StatusMethodNotAllowed, b.ask(http.MethodHead, path, "", token).Status, "HEAD would open a stream")
			continue
		}
		head, get := b.ask(http.MethodHead, path, "", token), b.ask(http.MethodGet, path, "", token)
		require.Equal(t, get.Status, head.Status, route.Pattern)
		require.Equal(t, get.Header.Get("Content-Type"), head.Header.Get("Content-Type"))
		require.Equal(t, get.Header.Get("ETag"), head.Header.Get("ETag"))
	}
}

// The old system's router took letters in any case, and slashes at the end. Nothing is redirected,
// and ids keep their case.
func TestPathsIgnoreCaseAndTrailingSlash(t *testing.T) {
	t.Parallel()
	b := setupOn(t, sharedTenants())
	for path, want := range map[string]int{
		"/HEALTHZ": http.StatusOK, "/API/Projects/DashBoard/" + strings.ToUpper(client1) + "/": http.StatusOK,
		"/auth/GETACCOUNTINSIGHTS/2026-01-01/2026-01-31/ALL": http.StatusOK, "/getmemberstopposts/7/ALL/": http.StatusOK,
		"/AUTH/Reach/getaccountnetgrowth": http.StatusOK, "/Api/Stats/": http.StatusOK, "/api/ACTIVITIES/70:p": http.StatusOK,
		dashboardPath + client1 + "/": http.StatusOK, insightsPath + "/": http.StatusOK, "/healthz/": http.StatusOK, "/healthz//": http.StatusOK,
		"/auth/getAccountInsights/2026-01-01T00%3A00%3A00Z/2026-01-02T00%3A00%3A00Z/1/": http.StatusOK, // escaped, and with a slash
		// a base address that ends in a slash, after the mount
		"/auth//getAccountInsights/2026-01-01/2026-01-31/all": http.StatusOK, "/Auth//reach/getaccountnetgrowth/": http.StatusOK,
		"/auth///getAccountInsights/2026-01-01/2026-01-31/all": http.StatusNotFound, "/auth//": http.StatusNotFound,
		"/auth/getAccountInsights//2026-01-31/all": http.StatusBadRequest, // an empty time
		"/api//projects/dashboard/" + client1:      http.StatusNotFound,
		"/":                                        http.StatusNotFound, "//healthz": http.StatusNotFound,
		"/api/activities/70:P": http.StatusNotFound, // another post
		"/Api/Nothing":         http.StatusNotFound,
	} {
		answer := b.get(path, b.agencyToken()).Says(t, want)
		require.Empty(t, answer.Header.Get("Location"))
	}
	wrong := b.ask(http.MethodDelete, "/API/Projects/DashBoard/"+client1, "", "Authorization: Bearer "+b.agencyToken()).Says(t, http.StatusMethodNotAllowed)
	require.Equal(t, "GET, HEAD, PUT, OPTIONS", wrong.Header.Get("Allow"))
}

// A request has an end; a stream outlives it.
func TestRequestTimeoutDoesNotEndStreams(t *testing.T) {
	t.Parallel()
	asked := make(chan time.Duration, 1)
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.RequestTimeout = 50 * time.Millisecond
		d.Scope = func(ctx context.Context, _ readmodels.ScopeRequest) (readmodels.Scope, error) {
			deadline, _ := ctx.Deadline()
			asked <- time.Until(deadline)
			<-ctx.Done()
			return readmodels.Scope{}, ctx.Err()
		}
	})
	base := b.serve()
	stream, late := b.listen(base+"/api/notices", b.agencyToken()), b.listen(base+insightsPath, b.agencyToken())
	require.Equal(t, http.StatusServiceUnavailable, late.response.StatusCode, "half an answer is no answer")
	require.Less(t, <-asked, time.Second)
	require.True(t, stream.lines.Scan(), "the stream is still open")
}

// Under a prefix everything is where it is at the root, and what an answer says of addresses is
// right.
func TestAllRoutesWorkUnderPathPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, func(d *api.Deps) {
		d.Streams = quietHub(t)
		d.Config.Prefix = "/main/boards"
	})
	b.meta = analytics.Meta{NextCursor: "next"}
	mux := http.NewServeMux()
	mux.Handle("/main/boards/", b.server)
	stripping := http.NewServeMux()
	stripping.Handle("/main/boards/", http.StripPrefix("/main/boards", b.server))
	router := chi.NewRouter()
	router.Mount("/main/boards", b.server)
	for name, application := range map[string]http.Handler{"left in": mux, "net/http": stripping, "chi": router} {
		get := func(path string, headers ...string) ledgertest.Answer {
			return ledgertest.Ask(t, application, http.MethodGet, "/main/boards"+path, "", append(headers, "Authorization: Bearer "+b.agencyToken())...)
		}
		var document struct{ Servers []struct{ URL string } }
		require.NoError(t, json.Unmarshal([]byte(get("/openapi.json").Body), &document), name)
		require.Equal(t, "/main/boards/", document.Servers[0].URL, name)
		page := get(insightsPath+"?tz=UTC", "Accept: text/csv")
		require.Equal(t, `<?cursor=next&tz=UTC>; rel="next"`, page.Header.Get("Link"), "relative to the request: %s", name)
		require.Equal(t, http.StatusOK, get(insightsPath+"/").Status, name)
		require.Equal(t, http.StatusOK, get("/socket.io/?EIO=4&transport=polling").Status, name)
		require.Equal(t, "not_found", get("/nowhere").Failure(t).Code, name)
		require.Equal(t, http.StatusNoContent, ledgertest.Ask(t, application, http.MethodOptions, "/main/boards/healthz", "").Status, name)
	}
	for _, base := range []string{"", "/main/boards", ""} { // the documents are made once, and say each reader where it is
		var events asyncDocument
		require.NoError(t, json.Unmarshal([]byte(ledgertest.Ask(t, b.server, http.MethodGet, base+"/asyncapi.json", "").Body), &events))
		require.Equal(t, base+"/", events.Servers["http"].Pathname)
		require.Contains(t, ledgertest.Ask(t, b.server, http.MethodGet, base+"/openapi.json", "").Body, `"url":"`+base+`/"`)
	}
	for _, prefix := range []string{"boards", "/boards/", "/"} {
		_, err := api.Handler(api.Deps{Config: api.Config{Prefix: prefix}})
		require.ErrorContains(t, err, "Config.Prefix", prefix)
	}
}
