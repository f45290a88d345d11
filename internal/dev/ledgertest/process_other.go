//go:build !linux

package ledgertest

import "syscall"

// ofItsOwn is a process group of its own. Only Linux kills it with this process.
func ofItsOwn() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
