package socket

import (
	"context"
	"net"
	"os"
	"syscall"
)

type peerKey struct{}

// ConnContext is for http.Server: the contexts of requests then have the user id of the peer.
func ConnContext(ctx context.Context, conn net.Conn) context.Context {
	if uid, err := peerOf(conn); err == nil {
		return context.WithValue(ctx, peerKey{}, uid)
	}
	return ctx
}

// Peer returns the user id of the process that sent a request, if it may use the socket: the user of
// this process, and root.
func Peer(ctx context.Context) (uid uint32, permitted bool) {
	uid, known := ctx.Value(peerKey{}).(uint32)
	return uid, known && (uid == 0 || int64(uid) == int64(os.Geteuid()))
}

func peerOf(conn net.Conn) (uid uint32, err error) {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return 0, syscall.EINVAL
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return 0, err
	}
	if failed := raw.Control(func(fd uintptr) { uid, err = credentials(int(fd)) }); failed != nil {
		return 0, failed
	}
	return uid, err
}
