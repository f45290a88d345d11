package pg_test

import (
	"net"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ledgerboard/ledgerboard/internal/dev/pgtest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// A server that vanishes silently is detected within half a minute, also while a response is
// awaited.
func TestVanishedDatabaseServerIsDetected(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	conn, err := db.Pool.Acquire(t.Context())
	require.NoError(t, err)
	defer conn.Release()
	tcp, ok := conn.Conn().PgConn().Conn().(*net.TCPConn)
	require.True(t, ok)
	raw, err := tcp.SyscallConn()
	require.NoError(t, err)
	option := func(name int) (value int) {
		require.NoError(t, raw.Control(func(fd uintptr) {
			value, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, name)
		}))
		require.NoError(t, err)
		return value
	}
	require.Equal(t, 30_000, option(unix.TCP_USER_TIMEOUT), "milliseconds")
	require.Equal(t, 30, option(unix.TCP_KEEPIDLE)+option(unix.TCP_KEEPINTVL)*option(unix.TCP_KEEPCNT), "seconds")
	require.Positive(t, db.Pool.Config().ConnConfig.ConnectTimeout)
}

// A machine that vanishes during a transaction loses its locks within half a minute, also during a
// COPY, which no statement timeout ends.
func TestServerDropsVanishedClients(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	for setting, want := range map[string]string{
		"tcp_keepalives_idle": "15", "tcp_keepalives_interval": "5", "tcp_keepalives_count": "3", "tcp_user_timeout": "30000",
		"lock_timeout": "2min",
	} {
		var got string
		require.NoError(t, db.Pool.QueryRow(t.Context(), "show "+setting).Scan(&got))
		require.Equal(t, want, got, setting)
	}
}
