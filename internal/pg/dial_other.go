//go:build !linux

package pg

import (
	"syscall"
	"time"
)

// limitUnanswered does nothing: only Linux has the option, elsewhere the kernel gives up by itself.
func limitUnanswered(syscall.RawConn, time.Duration) error { return nil }
