package chaos_test

import (
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/ledgerboard/ledgerboard/internal/pg/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// What was committed is there, and who committed it does not know: in both ways in which the program commits.
func TestCommitIsCutInTheMiddle(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	config, err := pgx.ParseConfig(db.URL)
	require.NoError(t, err)
	proxy := newCommitProxy(t, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
	connect := func() *pgx.Conn {
		through := config.Copy()
		through.Host, through.Port, through.Fallbacks = "127.0.0.1", uint16(proxy.listener.Addr().(*net.TCPAddr).Port), nil
		conn, err := pgx.ConnectConfig(t.Context(), through)
		require.NoError(t, err)
		return conn
	}
	_, err = db.Pool.Exec(t.Context(), "create table public.cut (n int)")
	require.NoError(t, err)
	written := func() (n int) {
		require.NoError(t, db.Pool.QueryRow(t.Context(), "select count(*) from public.cut").Scan(&n))
		return n
	}
	plain := func(conn *pgx.Conn) error {
		tx, err := conn.Begin(t.Context())
		if err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), "insert into public.cut values (1)"); err != nil {
			return err
		}
		return tx.Commit(t.Context())
	}
	batched := func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue("begin")
		batch.Queue("insert into public.cut values ($1)", 2)
		batch.Queue("commit")
		return conn.SendBatch(t.Context(), batch).Close()
	}
	conn := connect()
	require.NoError(t, plain(conn))
	require.NoError(t, batched(conn))
	require.Equal(t, 2, written(), "it is not armed")
	proxy.armed.Store(true)
	proxy.met.Store(3) // the next one is unanswered
	require.Error(t, plain(conn))
	require.Equal(t, 3, written())
	proxy.met.Store(3)
	require.Error(t, batched(connect()))
	require.Equal(t, 4, written())
	proxy.met.Store(1) // the next one is unheard: whether it is there is not said
	require.Error(t, plain(connect()))
	require.Eventually(t, func() bool { return proxy.cut.Load() == 3 }, patience, 10*time.Millisecond)
}
