package pg

import (
	"cmp"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// How soon a server that has vanished, without closing its connections, is taken for gone. What was sent to
// it is repeated by the kernel for some fifteen minutes otherwise: a projector would stand still for as
// long, with its partitions in its hands.
const (
	connectTimeout = 10 * time.Second // where the URL names none
	keepAliveIdle  = 15 * time.Second
	keepAliveEvery = 5 * time.Second
	keepAliveTries = 3
	userTimeout    = 30 * time.Second
)

// noticeGone makes connections of the configuration end when the server has vanished, and the server end them when this
// process's machine has: what its sessions had locked would stay locked for two hours otherwise.
func noticeGone(config *pgx.ConnConfig) {
	for name, value := range map[string]string{
		"tcp_keepalives_idle":     seconds(keepAliveIdle),
		"tcp_keepalives_interval": seconds(keepAliveEvery),
		"tcp_keepalives_count":    strconv.Itoa(keepAliveTries),
		"tcp_user_timeout":        strconv.FormatInt(userTimeout.Milliseconds(), 10),
	} {
		config.RuntimeParams[name] = cmp.Or(config.RuntimeParams[name], value)
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	dialer := net.Dialer{
		KeepAliveConfig: net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveEvery, Count: keepAliveTries},
		Control: func(network, _ string, conn syscall.RawConn) error {
			if network == "unix" {
				return nil
			}
			return limitUnanswered(conn, userTimeout)
		},
	}
	config.DialFunc = dialer.DialContext
}

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }
