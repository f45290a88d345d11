//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

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
	restored = 6
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

func TestHelpAndWrongArguments(t *testing.T) {
	secrets := map[string]string{
		"JWT_SECRET": "secret-of-tokens-secret-of-tokens", "SECRETS_KEY": strings.Repeat("5e", 32), "KAFKA_PASSWORD": "secret-of-kafka",
		"DATABASE_URL": "postgres://u:secret-of-database@localhost/x", "LINKEDIN_CLIENT_SECRET": "secret-of-linkedin",
	}
	help := command(t, secrets, "--help")
	require.Equal(t, done, help.code)
	require.Empty(t, help.err)
	for _, name := range []string{"serve", "demo", "migrate", "import", "token", "status"} {
		require.Contains(t, help.out, "\n  "+name+" ")
		detail := command(t, secrets, name, "--help")
		require.Equal(t, done, detail.code, name)
		require.Empty(t, detail.err, name)
		require.Contains(t, detail.out, "Usage: ledgerboard "+name)
		for _, secret := range secrets {
			require.NotContains(t, detail.out, secret, "%s --help shows a secret", name)
		}
	}
	require.Contains(t, help.out, "Exit codes:")
	for _, args := range [][]string{
		{},
		{"nothing"},
		{"--nothing"},
		{"demo", "--nothing"},
		{"demo", "x"},
		{"serve", "--addr"},
		{"demo", "--exit-after", "soon"},
		{"token"},
		{"token", "--user", "x", "--role", "agency"},
		{"import"},
		{"import", "/nowhere.jsonl"},
		{"status", "--addr", "nowhere"},
		{"status", "x"},
		{"demo", "--roles", "api"},
		{"demo", "--log-level", "loud"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			dir := t.TempDir()
			wrong := commandIn(t, dir, map[string]string{"JWT_SECRET": secrets["JWT_SECRET"]}, args...)
			require.Equal(t, misused, wrong.code, "%s%s", wrong.out, wrong.err)
			require.Empty(t, wrong.out)
			require.True(t, strings.HasPrefix(wrong.err, "ledgerboard: "), wrong.err)
			requireEmptyDir(t, dir)
		})
	}
}

func requireEmptyDir(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, entries, "a command that tried nothing has left files")
}

func TestServeNamesEveryWrongSettingAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		variables map[string]string
		named     []string
	}{
		"nothing set": {nil, []string{"LEDGERBOARD_DIRECTORY", "LEDGERBOARD_JWT_SECRET", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS", "LEDGERBOARD_SECRETS_KEY"}},
		"everything wrong": {
			map[string]string{
				"ADDR": "6001", "ROLES": "api,cook", "JWT_SECRET": "short", "CLIENT_DASHBOARD_SCOPES": "Analytics", "SECRETS_KEY": "xyz",
				"POST_INSIGHTS_INTERVAL": "-1h", "ACCOUNT_INSIGHTS_INTERVAL": "-1ms", "PLATFORMS_URL": "graph", "ENV": "production", "CORS_ORIGINS": "app.example.com",
				"RATE_LIMIT": "-1",
			},
			[]string{
				"LEDGERBOARD_ADDR", "LEDGERBOARD_ROLES", "LEDGERBOARD_JWT_SECRET", "LEDGERBOARD_CLIENT_DASHBOARD_SCOPES", "LEDGERBOARD_MANAGED_SUBSCRIPTIONS",
				"LEDGERBOARD_POST_INSIGHTS_INTERVAL", "LEDGERBOARD_ACCOUNT_INSIGHTS_INTERVAL", "LEDGERBOARD_PLATFORMS_URL", "LEDGERBOARD_DATABASE_URL",
				"LEDGERBOARD_KAFKA_BROKERS", "LEDGERBOARD_CORS_ORIGINS", "LEDGERBOARD_RATE_LIMIT",
			},
		},
		"keys that are not there": {
			map[string]string{"JWT_KEYS": "/nowhere/keys.pem", "MANAGED_SUBSCRIPTIONS": "seo", "DATABASE_URL": "mysql://x", "KAFKA_BROKERS": "kafka"},
			[]string{"LEDGERBOARD_SECRETS_KEY", "LEDGERBOARD_JWT_KEYS", "LEDGERBOARD_DATABASE_URL", "LEDGERBOARD_KAFKA_BROKERS"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			wrong := commandIn(t, dir, test.variables, "serve")
			require.Equal(t, misused, wrong.code, wrong.err)
			var missing []string
			for _, setting := range test.named {
				if !strings.Contains(wrong.err, setting) {
					missing = append(missing, setting)
				}
			}
			require.Empty(t, missing, "not named in\n%s", wrong.err)
			requireEmptyDir(t, dir)
		})
	}
	t.Run("a wrong configuration file", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "config")
		require.NoError(t, os.WriteFile(file, []byte("# comment\nLEDGERBOARD_ADDR=:1\nnonsense\nADDR=:2\n"), 0o600))
		wrong := command(t, map[string]string{"CONFIG": file}, "serve")
		require.Equal(t, misused, wrong.code)
		require.Contains(t, wrong.err, "line 3")
		require.Contains(t, wrong.err, "line 4")
	})
	t.Run("production has no demo", func(t *testing.T) {
		dir := t.TempDir()
		refused := commandIn(t, dir, map[string]string{"ENV": "production"}, "demo")
		require.Equal(t, misused, refused.code)
		require.Contains(t, refused.err, "production")
		requireEmptyDir(t, dir)
	})
}

func TestStatusAndToken(t *testing.T) {
	dir, addr := t.TempDir(), freeAddress(t)
	addresses.Store(dir, addr)
	status := func() ran { return command(t, nil, "status", "--addr", addr) }

	nobody := status()
	require.Equal(t, notReady, nobody.code, "nobody listens yet")
	require.Empty(t, nobody.out)
	p := launchDemo(t, dir, frozen...)
	toldNotReady := false
	p.await(readyWithin, "status to answer 0", func() bool {
		answer := status()
		toldNotReady = toldNotReady || answer.code == notReady && answer.out != ""
		return answer.code == done
	})
	require.True(t, toldNotReady, "the program seeds behind an open port")
	p.awaitReady()
	ready := status()
	require.True(t, strings.HasPrefix(ready.out, "ready\n"), ready.out)
	require.Contains(t, ready.out, "ok  database")
	require.Empty(t, ready.err)
	asJSON := command(t, nil, "status", "--json", "--addr", addr)
	require.Equal(t, done, asJSON.code)
	require.Contains(t, asJSON.out, `"status":"ready","checks":[`)
	require.Contains(t, asJSON.out, `"projections":[`)
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	require.Equal(t, done, command(t, map[string]string{"ADDR": ":" + port}, "status").code)

	secret := demoSecret(t, dir)
	client := p.listed(p.info.IDs.SubAccounts[0])[0]
	for _, test := range []struct {
		secret string
		args   []string
		status int
	}{
		{secret, []string{"--user", p.info.IDs.Users[0].ID, "--account", p.info.IDs.ParentAccount, "--role", "agency"}, http.StatusOK},
		{secret, []string{"--user", p.info.IDs.Users[0].ID, "--account", p.info.IDs.ParentAccount, "--role", "auditor", "--role", "operator"}, http.StatusOK},
		{secret, []string{"--user", client.ID, "--account", client.Account, "--role", "client"}, http.StatusOK},
		{secret, []string{"--user", p.info.IDs.Users[0].ID, "--role", "operator"}, http.StatusForbidden},
		{secret, []string{"--user", p.info.IDs.Users[0].ID, "--account", p.info.IDs.ParentAccount, "--role", "agency", "--for=-1m"}, http.StatusUnauthorized},
		{secret, []string{"--user", p.info.IDs.Users[0].ID, "--account", p.info.IDs.ParentAccount, "--role", "agency", "--jwt-issuer", "me"}, http.StatusUnauthorized},
		{strings.Repeat("0", 64), []string{"--user", p.info.IDs.Users[0].ID, "--account", p.info.IDs.ParentAccount, "--role", "agency"}, http.StatusUnauthorized},
	} {
		made := command(t, map[string]string{"JWT_SECRET": test.secret}, append([]string{"token"}, test.args...)...)
		require.Equal(t, done, made.code, made.err)
		require.Empty(t, made.err)
		answer := p.get(strings.TrimSpace(made.out), dashboardPath(p.info.IDs.SubAccounts[0]))
		require.Equal(t, test.status, answer.status, "%v: %s", test.args, answer.body)
	}
	made := command(t, map[string]string{"JWT_SECRET": secret}, "token", "--json", "--user", client.ID, "--account", client.Account, "--role", "client", "--for", "5m")
	var token struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(made.out), &token))
	p.get(token.Token, dashboardPath(client.Account)).ok(t, http.StatusOK)
	require.WithinDuration(t, time.Now().Add(5*time.Minute), token.ExpiresAt, time.Minute)
	require.Equal(t, misused, command(t, nil, "token", "--user", client.ID, "--account", client.Account, "--role", "client").code, "without a secret")

	p.Stop()
	stopped := status()
	require.Equal(t, notReady, stopped.code)
	require.Contains(t, stopped.err, addr)
}

func TestImport(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir, frozen...)
	brokers := map[string]string{"KAFKA_BROKERS": strings.Join(p.info.Brokers, ",")}
	account := p.info.IDs.SubAccounts[0]
	entity := func(id, name string) string {
		return `{"type":"directory.account.v1","data":{"id":"` + id + `","row_id":` + strconv.FormatInt(p.info.IDs.Accounts[0], 10) +
			`,"parent_account":"` + p.info.IDs.ParentAccount + `","name":"` + name + `","active":true}}`
	}
	files := t.TempDir()
	write := func(name string, lines ...string) string {
		path := filepath.Join(files, name)
		require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
		return path
	}
	p.awaitFirstCheckpoint()
	ends := p.endOffsets(topics...)
	nothing := func() {
		t.Helper()
		require.Equal(t, ends, p.endOffsets(topics...), "a refused import has appended something")
	}
	dashboard := func() string {
		return string(p.get(p.info.Tokens["agency"], dashboardPath(account)).ok(t, http.StatusOK).body)
	}

	t.Run("bad lines are listed with their reasons, and nothing is imported", func(t *testing.T) {
		good, bad := write("good.jsonl", entity(account, "Never")), write(
			"bad.jsonl", entity(account, "Never"), `{"type":`, "", `{"type":"directory.unknown.v1","data":{}}`, `{"data":{}}`,
			`{"type":"dashboard.accounts_linked.v1","data":{}}`, `{"type":"directory.account.v1","data":{"name":"no id"}}`,
			`{"type":"directory.account.v1","data":{"id":7}}`, `[]`, entity("not an id", "x"), `{"type":"directory.user.v1","erase":true}`,
			"\xff\xfe", entity(account, `a\u0000b`), `{"type":"directory.account.v1"}`, `null`,
		)
		refused := command(t, brokers, "import", good, bad)
		require.Equal(t, misused, refused.code, refused.err)
		require.Empty(t, refused.out)
		for _, line := range []int{2, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15} {
			require.Contains(t, refused.err, "bad.jsonl line "+strconv.Itoa(line)+": ")
		}
		require.NotContains(t, refused.err, "line 1:")
		require.NotContains(t, refused.err, "line 3:")
		require.NotContains(t, refused.err, "good.jsonl")
		nothing()
	})
	t.Run("many bad lines are not all listed", func(t *testing.T) {
		refused := command(t, brokers, "import", write("many.jsonl", strings.Repeat("x\n", 10_000)))
		require.Equal(t, misused, refused.code)
		require.Less(t, strings.Count(refused.err, "\n"), 100)
		require.Contains(t, refused.err, "more")
		nothing()
	})
	t.Run("a line longer than a record may be", func(t *testing.T) {
		refused := command(t, brokers, "import", write("long.jsonl", entity(account, "Never"), entity(account, strings.Repeat("x", 2<<20))))
		require.NotEqual(t, done, refused.code)
		require.Contains(t, refused.err, "long.jsonl")
		require.Contains(t, refused.err, "line 2", "%s", refused.err)
		nothing()
	})
	t.Run("dry run", func(t *testing.T) {
		checked := command(t, brokers, "import", "--dry-run", write("dry.jsonl", entity(account, "Never")))
		require.Equal(t, done, checked.code, checked.err)
		require.Contains(t, checked.out, "1 ")
		nothing()
	})
	t.Run("no broker there", func(t *testing.T) {
		began := time.Now()
		refused := command(t, map[string]string{"KAFKA_BROKERS": "127.0.0.1:1"}, "import", write("lost.jsonl", entity(account, "Never")))
		require.Equal(t, failed, refused.code)
		require.Less(t, time.Since(began), patience)
		nothing()
	})
	t.Run("the directory of a running program", func(t *testing.T) {
		refused := command(t, nil, "import", "--data-dir", dir, write("held.jsonl", entity(account, "Never")))
		require.Equal(t, failed, refused.code)
		require.Contains(t, refused.err, "in use")
		require.Contains(t, refused.err, strconv.Itoa(p.cmd.Process.Pid))
		nothing()
	})
	require.NotContains(t, dashboard(), "Never")
	t.Run("good files, into a running program", func(t *testing.T) {
		imported := command(t, brokers, "import", write("one.jsonl", entity(account, "Renamed & Söhne")), write("two.jsonl", entity(strings.ToUpper(account), "Renamed again")))
		require.Equal(t, done, imported.code, imported.err)
		require.Contains(t, imported.out, "2 entities imported")
		p.await(patience, "the new name", func() bool { return strings.Contains(dashboard(), `"Renamed again"`) })
	})
	t.Run("good files, into a stopped one", func(t *testing.T) {
		p.Stop()
		imported := command(t, map[string]string{"DATA_DIR": dir}, "import", write("three.jsonl", entity(account, "Renamed while stopped")))
		require.Equal(t, done, imported.code, imported.err)
		p = startDemo(t, dir, frozen...)
		p.await(patience, "the newest name", func() bool { return strings.Contains(dashboard(), `"Renamed while stopped"`) })
	})
}

func TestOneOwnerPerDataDirectoryAndAddress(t *testing.T) {
	dir := t.TempDir()
	p := startDemo(t, dir, frozen...)
	unharmed := func() {
		t.Helper()
		require.False(t, p.hasExited(), "%s", p.tails())
		p.get(p.info.Tokens["agency"], dashboardPath(p.info.IDs.SubAccounts[0])).ok(t, http.StatusOK)
	}
	t.Run("data directory", func(t *testing.T) {
		before, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		require.NoError(t, err)
		second := command(t, nil, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0", "--exit-after", "1s")
		require.Equal(t, failed, second.code, second.out+second.err)
		require.Contains(t, second.err, "in use")
		require.Contains(t, second.err, "process "+strconv.Itoa(p.cmd.Process.Pid))
		unharmed()
		after, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		require.NoError(t, err)
		require.Equal(t, string(before), string(after))
	})
	t.Run("address", func(t *testing.T) {
		addr, other := strings.TrimPrefix(p.base, "http://"), t.TempDir()
		second := command(t, nil, "demo", "--data-dir", other, "--addr", addr)
		require.Equal(t, failed, second.code, second.out+second.err)
		require.Contains(t, second.err, addr)
		require.Contains(t, second.err, "--addr")
		require.NoDirExists(t, filepath.Join(other, "broker"), "it seeds before it looks at its address")
		require.Empty(t, leaks.Processes(other), "processes left by a start that failed")
		unharmed()
		// What it began is not in the way of the next start.
		third := command(t, nil, "demo", "--data-dir", other, "--addr", "127.0.0.1:0", "--exit-after", "1ms")
		require.Equal(t, done, third.code, third.err)
	})
	t.Run("a directory that cannot be made", func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		refused := command(t, nil, "demo", "--data-dir", filepath.Join(file, "data"), "--addr", "127.0.0.1:0")
		require.Equal(t, failed, refused.code)
		require.Contains(t, refused.err, file)
	})
}

// TestDemoEndsByItself also stands for the promise that Ctrl-C is a regular stop.
func TestDemoEndsByItself(t *testing.T) {
	dir := t.TempDir()
	ended := command(t, nil, "demo", "--data-dir", dir, "--addr", "127.0.0.1:0", "--exit-after", "1s")
	require.Equal(t, done, ended.code, ended.err)
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
