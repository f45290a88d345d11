package pg

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Time limits after which a server that vanished without closing its connections counts as gone. By
// default the kernel retransmits for about fifteen minutes; a projector would keep its partitions
// and do nothing for that long.
const (
	connectTimeout = 10 * time.Second // default, if the URL sets none
	keepAliveIdle  = 15 * time.Second
	keepAliveEvery = 5 * time.Second
	keepAliveTries = 3
	userTimeout    = 30 * time.Second
)

// detectDeadPeers closes connections if the server vanishes, and makes the server close them if
// this machine vanishes. Otherwise the server would hold the locks of their sessions for two hours.
func detectDeadPeers(config *pgx.ConnConfig) {
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
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: keepAliveIdle, Interval: keepAliveEvery, Count: keepAliveTries,
		},
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

// connect opens a connection outside of a pool, with additional session settings.
func connect(ctx context.Context, url string, params map[string]string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("parse database URL: %w", err)
	}
	maps.Copy(config.RuntimeParams, params)
	detectDeadPeers(config)
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("reach database: %w", explainRefusal(err))
	}
	return conn, nil
}
