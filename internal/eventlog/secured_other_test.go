//go:build !linux

package eventlog_test

import "syscall"

// endsWithUs is for Linux alone.
func endsWithUs() *syscall.SysProcAttr { return nil }
