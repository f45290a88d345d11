//go:build !linux

package eventlog_test

import "syscall"

// endsWithUs works only on Linux.
func endsWithUs() *syscall.SysProcAttr { return nil }
