package embedded_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/embedded"
)

const ordinaryUser = 65534

// sharedDir returns a directory that every user may pass through, unlike t.TempDir.
func sharedDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "embedded-test-")
	require.NoError(t, err)
	require.NoError(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

func TestPostgresOfRootRunsAsAnother(t *testing.T) {
	t.Parallel()
	needRoot(t)
	if runtime.GOOS != "linux" {
		t.Skip("descriptor paths are Linux only")
	}
	closed := filepath.Join(sharedDir(t), "closed")
	require.NoError(t, os.Mkdir(closed, 0o700))
	for want, dir := range map[string]string{
		"/proc/self/fd/3": filepath.Join(closed, "pg"), // as below /root
		"":                filepath.Join(sharedDir(t), "pg"),
	} {
		p := startPostgres(t, embedded.PostgresConfig{DataDir: dir})
		if want == "" {
			want = filepath.Join(dir, "data")
		}
		require.Equal(t, want, queryText(t, connect(t, p), "select current_setting('data_directory')"))
		info, err := os.Stat(filepath.Join(dir, "data"))
		require.NoError(t, err)
		require.NotZero(t, info.Sys().(*syscall.Stat_t).Uid)
		require.Equal(t, os.FileMode(0o700), info.Mode().Perm())

		for _, sql := range []string{"select pg_reload_conf()", "create table t as select generate_series(1, 100000) i", "vacuum t", "checkpoint"} {
			_, err = connect(t, p).Exec(testContext(t), sql)
			require.NoError(t, err, sql)
		}
		require.NoError(t, p.Close())
		p = startPostgres(t, embedded.PostgresConfig{DataDir: dir})
		require.Equal(t, "100000", queryText(t, connect(t, p), "select count(*)::text from t"))
	}
}

// The same tests as an ordinary user: this binary again, under another user id.
func TestPostgresOfAnOrdinaryUser(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := sharedDir(t)
	self, err := os.Executable()
	require.NoError(t, err)
	program, err := os.ReadFile(self)
	require.NoError(t, err)
	binary := filepath.Join(dir, "embedded.test")
	require.NoError(t, os.WriteFile(binary, program, 0o755))
	home := filepath.Join(dir, "home")
	require.NoError(t, os.Mkdir(home, 0o700))
	require.NoError(t, os.Chown(home, ordinaryUser, ordinaryUser))

	cmd := exec.Command(binary, "-test.v", "-test.short", "-test.run",
		"^TestPostgres(Temporary|KeepsData|DiesWith|StopsAnOrphan|URLWorks)|^TestBroker(KeepsLog|KeepsEvery|IsLocked)")
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "TMPDIR="+home)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: ordinaryUser, Gid: ordinaryUser}}
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	require.Contains(t, string(out), "--- PASS: TestPostgresDiesWithAKilledParent")
	require.Contains(t, string(out), "--- PASS: TestPostgresTemporaryIsRemoved")
}

func TestPostgresKeepsTheOwnerOfAnOrdinaryUsersCluster(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dir := filepath.Join(sharedDir(t), "pg")
	p := startPostgres(t, embedded.PostgresConfig{DataDir: dir})
	require.NoError(t, p.Close())
	data := filepath.Join(dir, "data")
	chown := func(uid int) {
		require.NoError(t, filepath.WalkDir(data, func(path string, _ os.DirEntry, err error) error {
			require.NoError(t, err)
			return os.Lchown(path, uid, uid)
		}))
	}
	owner := func() int {
		info, err := os.Stat(data)
		require.NoError(t, err)
		return int(info.Sys().(*syscall.Stat_t).Uid)
	}
	chown(12345)
	require.NoError(t, startPostgres(t, embedded.PostgresConfig{DataDir: dir}).Close())
	require.Equal(t, 12345, owner())
	chown(0) // as a restore by root leaves it
	require.NoError(t, startPostgres(t, embedded.PostgresConfig{DataDir: dir}).Close())
	require.NotZero(t, owner())
}

func TestPostgresSweepsTemporaryDirectoriesOfKilledRuns(t *testing.T) {
	t.Parallel()
	abandoned, err := os.MkdirTemp("", "ledgerboard-postgres-")
	require.NoError(t, err)
	lock := filepath.Join(abandoned, "lock")
	require.NoError(t, os.WriteFile(lock, nil, 0o600))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(lock, old, old))
	startPostgres(t, embedded.PostgresConfig{})
	eventually(t, "it is swept, by this start or another one", func() bool {
		_, err := os.Stat(abandoned)
		return os.IsNotExist(err)
	})
}
