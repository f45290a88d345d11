//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/leaks"
)

// ran is a command that has ended.
type ran struct {
	out, err string
	code     int
}

// The documented exit codes.
const (
	done     = 0
	failed   = 1
	misused  = 2
	finding  = 5
	notReady = 3
)

// command runs the program to its end, in an empty directory. Variables are LEDGERBOARD_… settings.
func command(t *testing.T, variables map[string]string, args ...string) ran {
	t.Helper()
	return commandIn(t, t.TempDir(), variables, args...)
}

func commandIn(t *testing.T, dir string, variables map[string]string, args ...string) ran {
	t.Helper()
	return commandOf(t, programPath, dir, variables, args...)
}

// succeeds is a command that must.
func succeeds(t *testing.T, variables map[string]string, args ...string) ran {
	t.Helper()
	r := command(t, variables, args...)
	require.Equal(t, done, r.code, "%v\n%s%s", args, r.out, r.err)
	return r
}

func commandOf(t *testing.T, binary, dir string, variables map[string]string, args ...string) ran {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), readyWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = dir, cleanEnv()
	for name, value := range variables {
		cmd.Env = append(cmd.Env, "LEDGERBOARD_"+name+"="+value)
	}
	var out, err bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &err
	code := exitCode(cmd.Run())
	require.NoError(t, ctx.Err(), "%v did not end\n%s%s", args, out.String(), err.String())
	require.NotContains(t, err.String(), "panic:", "%v", args)
	return ran{out: out.String(), err: err.String(), code: code}
}

// Wrong arguments and settings are named all at once, before anything is tried, and help shows no
// secret.
func TestHelpAndWrongArguments(t *testing.T) {
	secrets := map[string]string{
		"JWT_SECRET": "secret-of-tokens-secret-of-tokens", "SECRETS_KEY": strings.Repeat("5e", 32), "KAFKA_PASSWORD": "secret-of-kafka",
		"DATABASE_URL": "postgres://u:secret-of-database@localhost/x", "LINKEDIN_CLIENT_SECRET": "secret-of-linkedin",
	}
	for _, name := range []string{"serve", "demo", "migrate", "import", "token", "status"} {
		help := succeeds(t, secrets, name, "--help")
		require.Contains(t, help.out, "Usage: ledgerboard "+name)
		for _, secret := range secrets {
			require.NotContains(t, help.out+help.err, secret, "%s --help shows a secret", name)
		}
	}
	for _, test := range []struct {
		variables map[string]string
		args      string
		named     string
	}{
		{nil, "", "expected"},
		{nil, "demo --nothing", "--nothing"},
		{nil, "token --user x --role agency", "LEDGERBOARD_JWT_SECRET"},
		{nil, "import /nowhere.jsonl", "/nowhere.jsonl"},
		{nil, "serve", "LEDGERBOARD_DIRECTORY LEDGERBOARD_JWT_SECRET LEDGERBOARD_MANAGED_SUBSCRIPTIONS LEDGERBOARD_SECRETS_KEY"},
		{
			map[string]string{
				"ADDR": "6001", "ROLES": "api,cook", "JWT_SECRET": "short", "CLIENT_DASHBOARD_SCOPES": "Analytics", "PLATFORMS_URL": "graph",
				"ENV": "production", "CORS_ORIGINS": "app.example.com", "RATE_LIMIT": "-1",
			},
			"serve",
			"LEDGERBOARD_ADDR LEDGERBOARD_ROLES LEDGERBOARD_JWT_SECRET LEDGERBOARD_CLIENT_DASHBOARD_SCOPES LEDGERBOARD_PLATFORMS_URL " +
				"LEDGERBOARD_DATABASE_URL LEDGERBOARD_KAFKA_BROKERS LEDGERBOARD_CORS_ORIGINS LEDGERBOARD_RATE_LIMIT",
		},
		{map[string]string{"ENV": "production"}, "demo", "production"},
		{map[string]string{"ENV": "production"}, "serve --mock", "--mock"},
		{map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, "serve --mock", "--mock"},
		{map[string]string{"DATABASE_URL": "postgres://u@127.0.0.1:1/x"}, "serve --mock", "--mock"},
	} {
		dir := t.TempDir()
		wrong := commandIn(t, dir, test.variables, strings.Fields(test.args)...)
		require.Equal(t, misused, wrong.code, "%s: %s%s", test.args, wrong.out, wrong.err)
		require.Empty(t, wrong.out)
		for name := range strings.FieldsSeq(test.named) {
			require.Contains(t, wrong.err, name)
		}
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		require.Empty(t, left, "a command that tried nothing has left files")
	}
}

// TestCommands uses a demo from the command line: its data directory and its address have one
// owner.
func TestCommands(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	addresses.Store(dir, addr)
	nobody := command(t, nil, "status", "--addr", addr)
	require.Equal(t, notReady, nobody.code, "nobody listens yet")
	require.Contains(t, nobody.err, addr)
	p := startDemo(t, dir, frozen...)
	t.Run("status", func(t *testing.T) {
		require.True(t, strings.HasPrefix(succeeds(t, nil, "status", "--addr", addr).out, "ready\n"))
		require.Contains(t, succeeds(t, nil, "status", "--json", "--addr", addr).out, `"status":"ready","checks":[`)
	})
	t.Run("tokens", func(t *testing.T) { requireTokens(t, p) })
	t.Run("one owner", func(t *testing.T) { requireOneOwner(t, p) })
	t.Run("import", func(t *testing.T) { requireImports(t, p) })
}

func requireTokens(t *testing.T, p *program) {
	client, staff, secret := p.listed(p.info.IDs.SubAccounts[0])[0], p.info.IDs.Users[0].ID, demoSecret(t, p.dir)
	agency := []string{"--user", staff, "--account", p.info.IDs.ParentAccount, "--role", "agency"}
	for _, test := range []struct {
		secret string
		args   []string
		status int
	}{
		{secret, agency, http.StatusOK},
		{secret, []string{"--user", client.ID, "--account", client.Account, "--role", "client"}, http.StatusOK},
		{secret, []string{"--user", staff, "--role", "operator"}, http.StatusForbidden},
		{secret, append(agency, "--for=-1m"), http.StatusUnauthorized},
		{strings.Repeat("0", 64), agency, http.StatusUnauthorized},
	} {
		made := succeeds(t, map[string]string{"JWT_SECRET": test.secret}, append([]string{"token"}, test.args...)...)
		answer := p.get(strings.TrimSpace(made.out), dashboardPath(p.info.IDs.SubAccounts[0]))
		require.Equal(t, test.status, answer.status, "%v: %s", test.args, answer.body)
	}
}

func requireOneOwner(t *testing.T, p *program) {
	before, err := os.ReadFile(filepath.Join(p.dir, "demo.json"))
	require.NoError(t, err)
	other := t.TempDir()
	for _, test := range []struct {
		args  []string
		named string
	}{
		{[]string{"--data-dir", p.dir, "--addr", "127.0.0.1:0"}, "process " + strconv.Itoa(p.cmd.Process.Pid)},
		{[]string{"--data-dir", other, "--addr", strings.TrimPrefix(p.base, "http://")}, "--addr"},
	} {
		second := command(t, nil, append([]string{"demo"}, test.args...)...)
		require.Equal(t, failed, second.code, second.out+second.err)
		require.Contains(t, second.err, "in use")
		require.Contains(t, second.err, test.named)
	}
	require.NoDirExists(t, filepath.Join(other, "broker"), "it looks at its address before it seeds")
	require.Empty(t, leaks.Processes(other), "processes left by a start that failed")
	after, err := os.ReadFile(filepath.Join(p.dir, "demo.json"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
	p.get(p.info.Tokens["agency"], dashboardPath(p.info.IDs.SubAccounts[0])).ok(t, http.StatusOK)
}

// requireImports imports a name into a running program and into a stopped one, and nothing where it
// is refused.
func requireImports(t *testing.T, p *program) {
	brokers := map[string]string{"KAFKA_BROKERS": strings.Join(p.info.Brokers, ",")}
	account := p.info.IDs.SubAccounts[0]
	file := func(name string, more ...string) string {
		entity := `{"type":"directory.account.v1","data":{"id":"` + account + `","row_id":` + strconv.FormatInt(p.info.IDs.Accounts[0], 10) +
			`,"parent_account":"` + p.info.IDs.ParentAccount + `","name":"` + name + `","active":true}}`
		path := filepath.Join(t.TempDir(), "entities.jsonl")
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(append([]string{entity}, more...), "\n")+"\n"), 0o600))
		return path
	}
	p.awaitFirstCheckpoint()
	ends := p.endOffsets(topics...)
	for _, test := range []struct {
		variables map[string]string
		args      []string
		code      int
		named     string
	}{
		{brokers, []string{file("Never"), file("Never", `{"type":`, `{"type":"dashboard.accounts_linked.v1","data":{}}`)}, misused, "jsonl line 3: "},
		{brokers, []string{file("Never", strings.Repeat("x", 2<<20))}, misused, "line 2"},
		{map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, []string{file("Never")}, failed, "127.0.0.1:1"},
		{nil, []string{"--data-dir", p.dir, file("Never")}, failed, "process " + strconv.Itoa(p.cmd.Process.Pid)},
	} {
		refused := command(t, test.variables, append([]string{"import"}, test.args...)...)
		require.Equal(t, test.code, refused.code, refused.err)
		require.Contains(t, refused.err, test.named)
	}
	succeeds(t, brokers, "import", "--dry-run", file("Never"))
	require.Equal(t, ends, p.endOffsets(topics...), "something was appended")

	shows := func(name string) {
		p.await(patience, "the name "+name, func() bool {
			return strings.Contains(string(p.get(p.info.Tokens["agency"], dashboardPath(account)).ok(t, http.StatusOK).body), `"`+name+`"`)
		})
	}
	require.Contains(t, succeeds(t, brokers, "import", file("Renamed & Söhne"), file("Renamed again")).out, "2 entities imported")
	shows("Renamed again")
	p.Stop()
	succeeds(t, map[string]string{"DATA_DIR": p.dir}, "import", file("Renamed while stopped"))
	p = startDemo(t, p.dir, frozen...)
	shows("Renamed while stopped")
}

// TestDemoEndsByItself also stands for the promise that Ctrl-C is a regular stop.
func TestDemoEndsByItself(t *testing.T) {
	dir := t.TempDir()
	ended := succeeds(t, nil, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0", "--exit-after", "1s")
	require.Contains(t, ended.out, "ledgerboard demo is ready")
	require.Contains(t, ended.err, "seeding history")
	require.Empty(t, leaks.Processes(dir))

	p := startDemo(t, dir)
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	require.Equal(t, done, p.exitWithin(stopWithin), "%s", p.tails())
	require.Empty(t, leaks.Processes(dir))
	require.NotContains(t, p.output.String(), "seeding", "a second start seeds nothing")

	// Before it is ready, too.
	p = launchDemo(t, t.TempDir())
	p.await(readyWithin, "seeding", func() bool { return strings.Contains(p.output.String(), "seeding history: ") })
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.exitWithin(stopWithin)
	require.Empty(t, leaks.Processes(p.dir))
}

func TestRunsAsAnOrdinaryUser(t *testing.T) {
	const nobody = 65534
	if os.Getuid() != 0 {
		t.Skip("the other tests run as an ordinary user already; this one is for root")
	}
	dir, err := os.MkdirTemp("", "ledgerboard-e2e-user-") // not t.TempDir, which others may not pass through
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	require.NoError(t, os.Chown(dir, nobody, nobody))
	addr := freeAddress(t)
	start := func() *program {
		p := launch(t, dir, []string{"demo", "--data-dir", filepath.Join(dir, "data"), "--addr", addr}, func(cmd *exec.Cmd) {
			cmd.Dir = dir
			cmd.SysProcAttr.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
			cmd.Env = append(cmd.Env, "HOME="+dir)
		})
		p.base, p.dir = "http://"+addr, filepath.Join(dir, "data")
		p.awaitReady()
		return p
	}
	p := start()
	for _, name := range []string{"demo.json", "demo-state.json"} {
		info, err := os.Stat(filepath.Join(p.dir, name))
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "%s holds secrets", name)
	}
	p.get(p.info.Tokens["agency"], dashboardPath(p.info.IDs.SubAccounts[0])).ok(t, http.StatusOK)
	p.Kill()
	p = start()
	doc := p.update(p.info.IDs.SubAccounts[0], map[string]any{"allow_client_dashboard": false})
	require.Positive(t, doc.version)
	p.Stop()
}
