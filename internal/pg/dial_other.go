//go:build !linux

package pg

import (
	"syscall"
	"time"
)

// limitUnanswered does nothing: only Linux has the option. Elsewhere the kernel's default applies.
func limitUnanswered(syscall.RawConn, time.Duration) error { return nil }
