package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/dev/ledgertest"
	"github.com/ledgerboard/ledgerboard/internal/dev/needs"
)

// asProgram is set in processes of this test that are the command `ledgerboard`.
const asProgram = "LEDGERBOARD_TEST_AS_PROGRAM"

// The commands of docs/moving-in.md, in its order.
const (
	importDryRun = iota
	exportTables
	importTokens
	decryptToken
	convertDocuments
	commandsInDocument
)

// A person copies the commands of docs/moving-in.md. They run against a real MariaDB with the tables
// of the old system, and against documents as mongoexport and bsondump print them; the lines that
// they write are imported.
func TestMovingInGuideCommandsWork(t *testing.T) {
	if os.Getenv(asProgram) != "" {
		os.Exit(run(t.Context(), flag.Args(), os.Stdout, os.Stderr))
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin")
	needs.Programs(t, "mariadbd", "mariadb-install-db", "mariadb", "mysql", "mariadb-tzinfo-to-sql", "jq", "openssl", "bash")
	var documented []string
	for _, block := range regexp.MustCompile("(?s)```bash\n(.*?)```").FindAllStringSubmatch(readFile(t, "../../docs/moving-in.md"), -1) {
		documented = append(documented, block[1])
	}
	require.Len(t, documented, commandsInDocument)

	m := newOldSystem(t)
	at := newStorage(t)
	self, err := os.Executable()
	require.NoError(t, err)
	program := fmt.Sprintf("#!/bin/sh\nexec env %s=1 %s -test.run='^TestMovingInGuideCommandsWork$' -- \"$@\"\n", asProgram, self)
	require.NoError(t, os.WriteFile(filepath.Join(m.dir, "ledgerboard"), []byte(program), 0o700))
	m.environment = []string{
		"PATH=" + m.dir + ":" + os.Getenv("PATH"), "LEDGERBOARD_DATA_DIR=" + at.DataDir, "LEDGERBOARD_DATABASE_URL=" + at.DatabaseURL,
		"LEDGERBOARD_SECRETS_KEY=" + importKey, "LEDGERBOARD_LOG_LEVEL=error", "PASSPHRASE=a passphrase",
	}
	m.write("entities.jsonl", readFile(t, sample("entities.jsonl")))

	// A server without time zones fails; nothing is imported.
	out, err := m.bash(documented[exportTables], "")
	require.Error(t, err)
	require.Contains(t, out, "Unknown or incorrect time zone: 'Europe/Berlin'")
	out, err = m.bash("ledgerboard import entities.jsonl readings.jsonl", "")
	require.Error(t, err)
	require.Contains(t, out, "readings.jsonl has no lines")
	m.mustBash("mariadb-tzinfo-to-sql /usr/share/zoneinfo 2> /dev/null | mariadb --defaults-extra-file=old.cnf mysql")
	m.mustBash("mariadb --defaults-extra-file=old.cnf --default-character-set=utf8mb4 agency < tables.sql")

	m.mustBash(documented[exportTables])
	m.requireFile("readings.jsonl", sample("readings.jsonl"))
	m.requireFile("posts.jsonl", sample("posts.jsonl"))
	for _, format := range []string{"bsondump", "mongoexport"} {
		documents := readFile(t, sample("preferences."+format+".json"))
		m.write("preferences.json", documents)
		m.mustBash(documented[convertDocuments])
		lines := strings.ReplaceAll(readFile(t, filepath.Join(m.dir, "dashboards.jsonl")), ".000Z", "Z")
		require.Equal(t, readFile(t, sample("dashboards.jsonl")), lines, format)
		m.write("preferences.json", "["+strings.ReplaceAll(strings.TrimSpace(documents), "\n", ",\n")+"]") // mongoexport --jsonArray
		m.mustBash(documented[convertDocuments])
		require.Equal(t, lines, strings.ReplaceAll(readFile(t, filepath.Join(m.dir, "dashboards.jsonl")), ".000Z", "Z"))
	}
	out = m.mustBash(documented[importDryRun])
	require.Contains(t, out, "3 account readings would be imported")
	m.mustBash(strings.ReplaceAll(documented[importDryRun], "--dry-run", ""))
	out = m.mustBash(documented[importTokens])
	require.Contains(t, out, "3 connections imported.\n2 tokens imported.\n1 connection has no token")
	require.NotContains(t, out, "invented-")
	out = m.mustBash(documented[importTokens])
	require.Contains(t, out, "2 were already present")
	withService(t, at, func(a *process, _ string) { requireMovedIn(t, a) })

	// without --raw, each escape is doubled
	m.mustBash(strings.ReplaceAll(documented[exportTables], "--raw", ""))
	out, err = m.bash("ledgerboard import entities.jsonl posts.jsonl --skip-refused", "")
	require.Error(t, err)
	require.Contains(t, out, "posts.jsonl line 1: each escape in this file has two backslashes")

	// encrypted by crypto-js 4.2 with the passphrase
	const ciphertext = "U2FsdGVkX18HPeTxwoxGYTeVS5MXYQyCUZO+NDnuoswIO/4zNu4OqBccCJrQNU9o"
	out, err = m.bash(documented[decryptToken], ciphertext)
	require.NoError(t, err, out)
	require.Contains(t, out, "invented-page-token-1")
	m.mustBash("mariadb --defaults-extra-file=old.cnf agency -e \"update tMemberAuth set accessToken = '" + ciphertext + "' where id = 71\"")
	out, err = m.bash(documented[importTokens], "")
	require.Error(t, err)
	require.Contains(t, out, "- line 1: access_token is encrypted")
	require.NotContains(t, out, "U2FsdGVkX1")
	m.requireBothPasses(documented[exportTables])
}

// requireBothPasses exports readings every 30 minutes through the repeated hour of autumn, and the
// missing hour of spring, from a DATETIME and from a TIMESTAMP column.
func (o *oldSystem) requireBothPasses(export string) {
	o.t.Helper()
	var rows []string
	var want []int64
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(o.t, err)
	for _, start := range []time.Time{time.Date(2024, 10, 26, 23, 0, 30, 0, time.UTC), time.Date(2025, 3, 30, 0, 0, 30, 0, time.UTC)} {
		for n := range 8 {
			at := start.Add(time.Duration(n) * 30 * time.Minute)
			want = append(want, at.Unix())
			rows = append(rows, fmt.Sprintf("(%d, 701, 1, 5, '%s', from_unixtime(%d))", len(want), at.In(berlin).Format(time.DateTime), at.Unix()))
		}
	}
	o.mustBash(`mariadb --defaults-extra-file=old.cnf agency << 'SQL'
set time_zone = 'Europe/Berlin';
truncate table tSAccountIns;
alter table tSAccountIns add column local timestamp;
insert into tSAccountIns (id, sAccountId, pId, followers, createdAt, local) values ` + strings.Join(rows, ",\n") + `;
SQL`)
	for _, column := range []string{"createdAt", "local"} {
		readings, _, _ := strings.Cut(export, "select json_object('type', 'post_reading'")
		o.mustBash(strings.ReplaceAll(readings, "createdAt", column) + "SQL\n")
		var got []int64
		for at := range strings.FieldsSeq(o.mustBash(`jq 'select(.type == "account_reading") | .data.captured_at' readings.jsonl`)) {
			var n int64
			_, err := fmt.Sscan(at, &n)
			require.NoError(o.t, err)
			got = append(got, n)
		}
		require.Equal(o.t, want, got, column)
	}
}

// oldSystem is a folder with a MariaDB, whose database agency is empty, and old.cnf, the connection
// to it.
type oldSystem struct {
	t           *testing.T
	dir         string
	environment []string
}

func newOldSystem(t *testing.T) *oldSystem {
	t.Helper()
	dir, err := os.MkdirTemp("", "old") // the path of a socket must be short
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	me, err := user.Current()
	require.NoError(t, err)
	m := &oldSystem{t: t, dir: dir, environment: []string{"PATH=" + os.Getenv("PATH")}}
	m.write("old.cnf", "[client]\nuser=root\nsocket="+filepath.Join(dir, "s")+"\n")
	m.write("tables.sql", readFile(t, sample("tables.sql")))
	m.mustBash("mariadb-install-db --no-defaults --datadir=\"$PWD/data\" --auth-root-authentication-method=normal --skip-test-db --user=" + me.Username)
	server := exec.Command("mariadbd", "--no-defaults", "--datadir="+filepath.Join(dir, "data"), "--socket="+filepath.Join(dir, "s"),
		"--pid-file="+filepath.Join(dir, "pid"), "--skip-networking", "--innodb-buffer-pool-size=16M", "--user="+me.Username)
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
	})
	ledgertest.Eventually(t, func() bool {
		_, err := m.bash("mariadb --defaults-extra-file=old.cnf -e 'create database if not exists agency'", "")
		return err == nil
	})
	return m
}

func (o *oldSystem) write(name, text string) {
	o.t.Helper()
	require.NoError(o.t, os.WriteFile(filepath.Join(o.dir, name), []byte(text), 0o600))
}

// bash runs a command in the folder as a person does, and returns what it printed.
func (o *oldSystem) bash(command, input string) (string, error) {
	c := exec.CommandContext(o.t.Context(), "bash", "-e", "-o", "pipefail", "-c", command)
	c.Dir, c.Env, c.Stdin = o.dir, append(os.Environ(), o.environment...), strings.NewReader(input)
	out, err := c.CombinedOutput()
	return string(out), err
}

func (o *oldSystem) mustBash(command string) string {
	o.t.Helper()
	out, err := o.bash(command, "")
	require.NoError(o.t, err, "%s\n%s", command, out)
	return out
}

func (o *oldSystem) requireFile(name, golden string) {
	o.t.Helper()
	require.Equal(o.t, readFile(o.t, golden), readFile(o.t, filepath.Join(o.dir, name)))
}
